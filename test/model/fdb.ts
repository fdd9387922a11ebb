/** Reference model: the forwarding database as a map with rules. */

export interface FdbRules {
  /** Seconds after which a silent address is no longer believed. */
  readonly ageS: number
  /** Most addresses in all, and of each port. */
  readonly limit: number
  readonly portLimit: (port: number) => number
  /** Ports that keep their addresses. */
  readonly isSticky?: (port: number) => boolean
}

interface Entry {
  port: number
  seenS: number
}

export class FdbModel {
  readonly #rules: FdbRules
  readonly #entries = new Map<string, Entry>()
  /** Addresses that could not be learned, and that moved to another port while they lived. */
  refused = 0
  moves = 0

  constructor(rules: FdbRules) {
    this.#rules = rules
  }

  /** @param mac six bytes as hex, lower case */
  static key(mac: string, vlan: number): string {
    return `${mac}/${vlan}`
  }

  #isStale(entry: Entry, nowS: number): boolean {
    return nowS - entry.seenS > this.#rules.ageS
  }

  /** Addresses remembered, those silent for too long included. */
  get size(): number {
    return this.#entries.size
  }

  countOf(port: number): number {
    return [...this.#entries.values()].filter((entry) => entry.port === port).length
  }

  lookup(key: string, nowS: number): number | undefined {
    const entry = this.#entries.get(key)
    return entry && !this.#isStale(entry, nowS) ? entry.port : undefined
  }

  /** A known address moves to where it was heard last, whatever the limits. Returns false when a sticky port keeps it. */
  learn(key: string, port: number, nowS: number): boolean {
    const known = this.#entries.get(key)
    if (known) {
      if (known.port !== port && !this.#isStale(known, nowS)) {
        if (this.#rules.isSticky?.(known.port)) return false
        this.moves++
      }
      known.port = port
      known.seenS = nowS
    } else if (this.size >= this.#rules.limit || this.countOf(port) >= this.#rules.portLimit(port))
      this.refused++
    else this.#entries.set(key, { port, seenS: nowS })
    return true
  }

  /** Forgets all of one port, or of all ports (-1) what is stale. */
  sweep(port: number, nowS: number): void {
    for (const [key, entry] of this.#entries)
      if (port < 0 ? this.#isStale(entry, nowS) : entry.port === port) this.#entries.delete(key)
  }
}
