import type { HoldLimits } from '../aggregation/hold-limits.js'
import type { GrantCopies } from '../core/grant-copies.js'
import type { LinearMemory } from '../core/linear-memory.js'
import type { Plane } from '../core/plane.js'
import type { GranulePool } from '../grants/granule-pool.js'
import type { PreparedChange } from './change.js'
import type { PortConfig, PortKind } from './config.js'
import type { KeptConnections } from './kept-connections.js'

/** What an engine offers its ports. Ports run in the engine's thread; nothing here may block. */
export interface PortHost {
  readonly memory: LinearMemory
  readonly plane: Plane
  readonly pool: GranulePool
  /** Who carries out the plane's lists of grant copies. */
  readonly grants: GrantCopies
  /** Where connections are kept beyond the end of this process; undefined: nowhere. */
  readonly kept: KeptConnections | undefined
  /** Calls back while epoll events (EPOLL*) are pending on a descriptor. */
  watch(fd: number, events: number, onEvents: (events: number) => void): void
  rewatch(fd: number, events: number): void
  unwatch(fd: number): void
  /** The descriptor by which a vring's frontend is called; -1: none. */
  setCall(vringId: number, fd: number): void
  /** What is called instead, where a call is no write to a descriptor; undefined: nothing. It must not throw. */
  setNotify(vringId: number, notify: (() => void) | undefined): void
  /** Asks that the port be served soon: its guest kicked, or its descriptor can be read. */
  wake(index: number): void
  /** Whether a port must be polled, and woken, as often as its target demands: a ring of it is never kicked. */
  setPolled(index: number, on: boolean): void
  /** Asks that the port's peer be served: serveRequest() is called, as time permits, until it returns false. */
  request(index: number): void
  /** Reports a change that an operator wants to know; kept with the port's status. */
  report(port: Port, event: PortEvent, detail: string): void
}

export const PORT_EVENTS = [
  'attached',
  'detached',
  'link-up',
  'link-down',
  'error',
  /** A second peer came to a port that has one. */
  'refused',
  /** What the bridge sees: src/engine/bridge-events.ts. */
  'address-moved',
  'address-kept',
  'unlearned',
  'storm',
  /** Nobody decides for the port, or somebody does again: src/engine/decisions.ts. */
  'policy-lost',
  'policy-back',
  /** Loops: src/engine/loop-guard.ts. */
  'loop',
  'loop-ended',
] as const

/** What happens to a port. */
export type PortEvent = (typeof PORT_EVENTS)[number]

/** A port's state, as the control thread shows it. */
export interface PortStatus {
  readonly name: string
  readonly kind: PortKind
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
  /** Why each frame of a port costs a system call, where the kernel could move many by one. */
  readonly unbatched?: string
}

/** What every side of the bridge is, whoever moves its frames. */
export interface AnyPort {
  readonly name: string
  readonly kind: PortKind
  /** Its row in the port table. */
  readonly index: number
  /** Its settings at present. */
  readonly config: PortConfig
  /** Takes its resources. Throws a RingferryError and leaves nothing behind when it cannot. */
  open(): void
  /**
   * Gets an open port ready for other settings: checks them and takes what they need. Throws a RingferryError, changing
   * nothing, when they cannot be.
   */
  prepare(config: PortConfig): PreparedChange
  /**
   * Called after request(): does one thing that the peer asks for (a message, a connection, a command), as short as
   * it can be. Returns whether there may be more.
   */
  serveRequest(): boolean
  /** Called some ten times a second: retries, timers. */
  tick(nowUs: number): void
  /**
   * Something done on behalf of the port failed: a system call, or the plane. Detaches the peer, if there is one, with
   * the reason; without one the port keeps the reason and tries again.
   */
  fail(reason: string): void
  status(): PortStatus
  close(): void
}

/** A port whose frames lie in rings in memory that its guest granted: the plane takes them and puts them there. */
export interface RingPort extends AnyPort {
  readonly hasRings: true
  /** Whether the policy decides when frames are published to its guest; false: its configuration does. */
  readonly isControlled: boolean
  /** Called after wake(): asks for serveRequest() if the guest may have written commands. */
  checkCommands(): void
  /** The plane found the guest breaking the protocol. */
  breach(): void
  /** The plane missed a granule of this guest. */
  mapMissed(granule: number): void
  /** There was no memory behind an offset. Detaches the guest if it is this one's; returns whether it is. */
  loseMemory(offset: number): boolean
  /** Sets how long frames toward the guest may be held, and in what numbers. */
  setHoldLimits(limits: HoldLimits): void
}

/** A port whose frames cross by system calls: the engine has it read and write them, a burst at a time. */
export interface HostPort extends AnyPort {
  readonly hasRings: false
  /**
   * Called after wake(): reads up to `budget` frames and gives them to the plane. Returns how many; `budget` means that
   * there may be more.
   */
  receive(budget: number): number
  /** Whether the plane queued frames that can be written now. */
  hasOutput(): boolean
  /** Writes what the plane queued. Returns the frames written. */
  transmit(): number
}

/** One side of the bridge. */
export type Port = RingPort | HostPort
