/** Reference model: the forwarding database as a map with rules. */

export interface FdbRules {
  /** Seconds after which a silent address is no longer believed. */
  readonly ageS: number
  /** Most addresses in all, and of each port. */
  readonly limit: number
  readonly portLimit: (port: number) => number
  /** Places that share a bucket of `ways`: an address without a free or aged place in it is not learned. */
  readonly bucketOf?: (key: string) => number
  readonly ways: number
}

interface Entry {
  port: number
  seenS: number
}

export class FdbModel {
  readonly #rules: FdbRules
  readonly #entries = new Map<string, Entry>()
  /** Addresses that could not be learned. */
  refused = 0

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

  /** A known address moves to where it was heard last, whatever the limits. */
  learn(key: string, port: number, nowS: number): void {
    const known = this.#entries.get(key)
    if (known) {
      known.port = port
      known.seenS = nowS
      return
    }
    const bucket = this.#rules.bucketOf?.(key)
    const neighbours = [...this.#entries].filter(([other]) => bucket === this.#rules.bucketOf?.(other))
    if (bucket !== undefined && neighbours.length >= this.#rules.ways) {
      const aged = neighbours.find(([, entry]) => this.#isStale(entry, nowS))
      if (aged) this.#entries.delete(aged[0])
      else {
        this.refused++
        return
      }
    }
    if (this.size >= this.#rules.limit || this.countOf(port) >= this.#rules.portLimit(port)) this.refused++
    else this.#entries.set(key, { port, seenS: nowS })
  }

  /** Forgets what is stale, and all of one port. */
  sweep(port: number, nowS: number): void {
    for (const [key, entry] of this.#entries)
      if (entry.port === port || this.#isStale(entry, nowS)) this.#entries.delete(key)
  }
}
