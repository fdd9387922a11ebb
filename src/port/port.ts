import type { HoldLimits } from '../aggregation/hold.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import type { GranulePool } from '../grants/granule-pool.js'
import type { PortKind } from './config.js'

/** What an engine offers its ports. Ports run in the engine's thread; nothing here may block. */
export interface PortHost {
  readonly memory: LinearMemory
  readonly plane: Plane
  readonly pool: GranulePool
  /** Calls back while epoll events (EPOLL*) are pending on a descriptor. */
  watch(fd: number, events: number, onEvents: (events: number) => void): void
  rewatch(fd: number, events: number): void
  unwatch(fd: number): void
  /** The descriptor by which a vring's frontend is called; -1: none. */
  setCall(vringId: number, fd: number): void
  /** Asks that the port be served soon: its guest kicked, or its descriptor can be read. */
  wake(index: number): void
  /** Whether a port must be looked at, and woken, as often as its target demands: a ring of it is never kicked. */
  setPolled(index: number, on: boolean): void
  /** Asks that the port's peer be served: serveRequest() is called, as time permits, until it returns false. */
  request(index: number): void
  /** Reports a change that an operator wants to know; kept with the port's status. */
  report(port: Port, event: PortEvent, detail: string): void
}

export type PortEvent =
  | 'attached'
  | 'detached'
  | 'link-up'
  | 'link-down'
  | 'error'
  /** A second peer came to a port that has one. */
  | 'refused'
  /** What the bridge sees: src/engine/bridge-events.ts. */
  | 'address-moved'
  | 'address-kept'
  | 'unlearned'
  | 'storm'
  /** Loops: src/engine/loop-guard.ts. */
  | 'loop'
  | 'loop-ended'

/** A port's state, as the control thread shows it. */
export interface PortStatus {
  readonly name: string
  readonly kind: PortKind
  readonly index: number
  /** waiting: nobody is attached; attached: connected, not yet able to take frames; up; down: given up. */
  readonly state: 'waiting' | 'attached' | 'up' | 'down'
  /** Why the last peer went, or why the port is down. */
  readonly reason?: string
  /** Why the switch carries nothing for the port at the moment, although its peer is there. */
  readonly heldDown?: string
  /** Peers detached for breaking the protocol, since the start. */
  readonly detachments: number
  /** Names of the features negotiated, or of the offloads in use. */
  readonly negotiated: readonly string[]
  /** Where the peer finds the port: a socket path or a device name. */
  readonly place: string
}

/** One side of the bridge. Vifs are served by the plane; host ports move frames in receive() and transmit(). */
export interface Port {
  readonly name: string
  readonly kind: PortKind
  /** Its row in the port table. */
  readonly index: number
  /** Takes its resources. Throws a RingferryError and leaves nothing behind when it cannot. */
  open(): void
  /**
   * Called after wake(). Host ports: reads up to `budget` frames and gives them to the plane; returns how many,
   * and `budget` means that there may be more. Vifs: looks at the control queue.
   */
  receive?(budget: number): number
  /**
   * Called after request(): does one thing that the peer asks for (a message, a connection, a command), as short as
   * it can be. Returns whether there may be more.
   */
  serveRequest?(): boolean
  /** Host ports: whether the plane queued frames that can be written now. */
  hasOutput?(): boolean
  /** Host ports: writes what the plane queued. Returns the frames written. */
  transmit?(): number
  /** Called some ten times a second: retries, timers. */
  tick?(nowUs: number): void
  /** Vifs: the plane found the guest breaking the protocol. */
  breach?(): void
  /**
   * Something done on behalf of the port failed: a system call, or the plane. Detaches the peer, if there is one, with
   * the reason; without one the port keeps the reason and tries again.
   */
  fail(reason: string): void
  /** Vifs: the plane missed granules of this guest. */
  mapMissed?(granule: number): void
  /** Vifs: there was no memory behind an offset. Detaches the guest if it is this one's; returns whether it is. */
  loseMemory?(offset: number): boolean
  /** Vifs whose publication the policy decides: sets their limits. */
  setLimits?: ((limits: HoldLimits) => void) | undefined
  status(): PortStatus
  close(): void
}
