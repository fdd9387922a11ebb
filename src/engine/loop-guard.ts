/**
 * Loops: two ports that lead to one network outside, for example two TAPs in one bridge. A broadcast then goes round
 * for ever, and every address behind it moves from port to port.
 *
 *   moving addresses or a storm on a port -> a probe out of it -> it comes back -> one of the two ports is held down
 *   a while later: a probe again -> it comes back: held down for twice as long | it does not: the port carries again
 *
 * Addresses that move are a suspicion alone: a guest that borrows another's address must not take its port down. Only
 * a probe that came back is a loop. A port that is held down takes and gives nothing but probes.
 */
import { randomFillSync } from 'node:crypto'
import { parseFdbKey } from '../core/fdb.js'
import { Globals } from '../core/globals.js'
import {
  C_ADDRESS_MOVES,
  DROP_STORM,
  G_PROBE_ID,
  G_PROBE_SOURCE,
  MAX_PORTS,
  NO_VLAN,
  P_COUNTERS,
  P_DROPS,
  P_LOOPED,
  P_MOVED_KEY,
  P_NATIVE_VLAN,
  PORT_HELD,
} from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import { PortRow } from '../core/port-row.js'
import type { PortKind } from '../port/config.js'
import type { Port, PortEvent } from '../port/port.js'

/** Moves of addresses to a port within a window that make a loop likely. One that migrates moves once. */
const SUSPICIOUS_MOVES = 5
const WINDOW_US = 1_000_000
/** A port is probed at most so often, and a probe that comes back later than this tells nothing. */
const PROBE_EVERY_US = 1_000_000
/** How long a port is held down at first, and at most: twice as long each time the loop is still there. */
export const FIRST_HOLD_US = 10_000_000
export const LONGEST_HOLD_US = 300_000_000
/** How long a probe may be under way before a port is let go. */
export const CHECK_US = 500_000
/** A port without loop for so long begins with the first hold again. */
const FORGIVEN_US = 60_000_000
const SECOND_US = 1_000_000

/** The lowest of two ports is held down: rather a guest's than the way to the rest of the network. */
const RANK: Readonly<Record<PortKind, number>> = {
  vif: 0,
  embedded: 0,
  xen: 0,
  stream: 1,
  dgram: 1,
  tap: 2,
  vxlan: 3,
  packet: 4,
}
/** What comes back where it left is a loop outside; a port of these kinds is needed by all others, and stays. */
const LOWEST_UPLINK_RANK = RANK.tap

type Report = (port: Port, event: PortEvent, detail: string) => void

interface Watch {
  readonly row: PortRow
  moves: number
  storms: number
  windowUs: number
  probedUs: number
  /** Until when the port is held down; 0: it is not. */
  heldUntilUs: number
  holdUs: number
  releasedUs: number
  isChecking: boolean
  reportedUs: number
  reason: string
}

export class LoopGuard {
  readonly #memory: LinearMemory
  readonly #plane: Pick<Plane, 'sendProbe' | 'publish'>
  readonly #watches: (Watch | undefined)[] = new Array(MAX_PORTS).fill(undefined)

  constructor(memory: LinearMemory, plane: Pick<Plane, 'sendProbe' | 'publish'>) {
    this.#memory = memory
    this.#plane = plane
    const words = randomFillSync(new BigUint64Array(2))
    // A station of its own making: locally administered, not a group. Source: IEEE 802, 8.4.
    const source = ((words[0] as bigint) & 0xffff_ffff_fffcn) | 2n
    const globals = new Globals(memory)
    globals.setU64(G_PROBE_SOURCE, source)
    globals.setU64(G_PROBE_ID, words[1] as bigint)
  }

  /** Why a port is held down; undefined: it is not. */
  heldDown(index: number): string | undefined {
    const watch = this.#watches[index]
    return watch && watch.heldUntilUs > 0 ? watch.reason : undefined
  }

  /** Forgets a port that was removed. */
  forget(index: number): void {
    this.#watches[index] = undefined
  }

  /** Finds loops, and probes the ports that are held down. @param nowUs microseconds on the engine's clock */
  check(nowUs: number, ports: readonly Port[], report: Report): void {
    for (const port of ports) {
      const { row } = this.#watch(port, nowUs)
      const from = row.get(P_LOOPED)
      if (from === 0) continue
      row.set(P_LOOPED, 0)
      const sender = ports.find(({ index }) => index === from - 1)
      if (sender) this.#cameBack(nowUs, sender, port, report)
    }
    for (const port of ports) this.#serve(nowUs, port, report)
  }

  #watch(port: Port, nowUs: number): Watch {
    const known = this.#watches[port.index]
    if (known) return known
    const row = new PortRow(this.#memory, port.index)
    const watch: Watch = {
      row,
      moves: 0,
      storms: 0,
      windowUs: nowUs,
      probedUs: Number.NEGATIVE_INFINITY,
      heldUntilUs: 0,
      holdUs: 0,
      releasedUs: Number.NEGATIVE_INFINITY,
      isChecking: false,
      reportedUs: Number.NEGATIVE_INFINITY,
      reason: '',
    }
    this.#watches[port.index] = watch
    return watch
  }

  #serve(nowUs: number, port: Port, report: Report): void {
    const watch = this.#watch(port, nowUs)
    const isSuspicious = this.#suspects(watch, nowUs)
    if (watch.heldUntilUs === 0) {
      if (isSuspicious && nowUs - watch.probedUs >= PROBE_EVERY_US) this.#probe(watch, nowUs)
    } else if (nowUs >= watch.heldUntilUs) {
      if (watch.isChecking) this.#release(watch, nowUs, port, report)
      else {
        watch.isChecking = true
        watch.heldUntilUs = nowUs + CHECK_US
        this.#probe(watch, nowUs)
      }
    }
  }

  #suspects(watch: Watch, nowUs: number): boolean {
    const { row } = watch
    const moves = row.get(P_COUNTERS + 8 * C_ADDRESS_MOVES)
    const storms = row.get(P_DROPS + 8 * DROP_STORM)
    const isSuspicious = (moves - watch.moves) >>> 0 >= SUSPICIOUS_MOVES || storms !== watch.storms
    watch.storms = storms
    if (isSuspicious || nowUs - watch.windowUs >= WINDOW_US) {
      watch.moves = moves
      watch.windowUs = nowUs
    }
    return isSuspicious
  }

  /** Sends a probe in the VLAN of the address that last moved, else that of untagged frames. */
  #probe(watch: Watch, nowUs: number): void {
    const key = watch.row.getU64(P_MOVED_KEY)
    const vlan = key === 0n ? watch.row.get(P_NATIVE_VLAN) : parseFdbKey(key).vlan
    if (vlan === NO_VLAN) return
    watch.probedUs = nowUs
    this.#plane.sendProbe(watch.row.index, vlan)
    this.#plane.publish()
  }

  /** A probe that left one port was received on another. */
  #cameBack(nowUs: number, from: Port, to: Port, report: Report): void {
    // Kept and sent again later by somebody, it tells nothing.
    if (nowUs - this.#watch(from, nowUs).probedUs > PROBE_EVERY_US) return
    const held = [to, from].find((port) => this.#watch(port, nowUs).heldUntilUs > 0)
    if (!held && from === to && RANK[to.kind] >= LOWEST_UPLINK_RANK) {
      const watch = this.#watch(to, nowUs)
      if (nowUs - watch.reportedUs < FIRST_HOLD_US) return
      watch.reportedUs = nowUs
      report(to, 'loop', 'what is sent here comes back here: there is a loop beyond the port')
      return
    }
    const port = held ?? (RANK[from.kind] < RANK[to.kind] ? from : to)
    const watch = this.#watch(port, nowUs)
    // The second of a pair of probes: the loop is cut already.
    if (held && !watch.isChecking) return
    this.#hold(watch, nowUs)
    const other = port === to ? from : to
    watch.reason =
      from === to
        ? 'loop: what is sent here comes back here'
        : `loop: what is sent to port ${from.name} comes back on port ${to.name}`
    const others = from === to ? '' : `; port ${other.name} goes on`
    report(port, 'loop', `${watch.reason}; held down for ${watch.holdUs / SECOND_US} s${others}`)
  }

  #hold(watch: Watch, nowUs: number): void {
    const isForgiven = !watch.isChecking && nowUs - watch.releasedUs > FORGIVEN_US
    watch.holdUs = isForgiven ? FIRST_HOLD_US : Math.min(LONGEST_HOLD_US, watch.holdUs * 2)
    watch.heldUntilUs = nowUs + watch.holdUs
    watch.isChecking = false
    watch.row.flag(PORT_HELD, true)
  }

  #release(watch: Watch, nowUs: number, port: Port, report: Report): void {
    watch.heldUntilUs = 0
    watch.isChecking = false
    watch.releasedUs = nowUs
    watch.row.flag(PORT_HELD, false)
    report(port, 'loop-ended', 'no probe came back; the port carries frames again')
  }
}
