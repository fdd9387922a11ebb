/** A region of guest memory. Addresses and sizes in bytes; `fd` belongs to whoever holds the region. */
export interface GuestRegion {
  /** Guest physical address. */
  readonly guestAddress: number
  readonly sizeBytes: number
  /** Address in the frontend's own address space: only a name for translating ring addresses. */
  readonly userAddress: number
  readonly fileOffset: number
  readonly fd: number
}

/**
 * Why a peer was detached. hung-up: it closed the connection; breach: it broke the protocol; fault: what was done for it
 * failed, a system call for instance; removed: its port was removed.
 */
export type DetachCause = 'hung-up' | 'breach' | 'fault' | 'removed'

/** Where a ring lies, in guest physical addresses. */
export interface VringAddresses {
  readonly desc: number
  readonly avail: number
  readonly used: number
  /** By which address writes into the used ring are logged; undefined: its own. */
  readonly log: number | undefined
}

/** The log of a live migration: a bit for each 4 KB page of guest memory. Bytes; `fd` as in GuestRegion. */
export interface LogArea {
  readonly fd: number
  readonly fileOffset: number
  readonly sizeBytes: number
}

/**
 * What a vhost-user session drives: one virtio network device.
 *
 * A method that returns a string has met a violation: the session ends with that reason. A method that
 * returns false has refused the request, and the session goes on (the frontend hears of it if it asked).
 * Every file descriptor that is handed over belongs to the device from the call on, whatever it returns;
 * -1 stands for "none". Ring numbers are below 2 * maxQueuePairs + 1: receive 0, transmit 0, receive 1,
 * ..., control. The session has checked syntax, ranges and overlaps, and that memory lies inside its files.
 */
export interface VhostUserDevice {
  readonly maxQueuePairs: number
  readonly maxMemorySlots: number
  /** virtio features; VHOST_USER_F_PROTOCOL_FEATURES is added by the session. */
  offeredFeatures(): bigint
  /** Protocol features to offer; the session offers the part of them that it implements. */
  offeredProtocolFeatures(): bigint
  /** The negotiated features, without VHOST_USER_F_PROTOCOL_FEATURES. May come again while rings run, to log or not to. */
  setFeatures(features: bigint): string | undefined
  /** Replaces all memory. Rings that run keep their guest addresses unless setVringAddresses follows. */
  setMemory(regions: readonly GuestRegion[]): string | undefined
  addMemory(region: GuestRegion): string | undefined
  removeMemory(guestAddress: number): string | undefined
  /** Where written pages are marked while VHOST_F_LOG_ALL is negotiated, instead of the log before it. */
  setLog(log: LogArea): string | undefined
  /** Signalled when pages were marked; -1: nothing is. */
  setLogCall(fd: number): string | undefined
  /** @param size a power of two from 1 to 32768 */
  setVringSize(ring: number, size: number): string | undefined
  /** @param base the next available index to take, 0 to 65535 */
  setVringBase(ring: number, base: number): string | undefined
  setVringAddresses(ring: number, addresses: VringAddresses): string | undefined
  /** Starts the ring (or replaces its kick): addresses are set. -1: poll it. */
  setVringKick(ring: number, fd: number): string | undefined
  /** May come at any time, also while the ring runs: poll the ring and call once. */
  setVringCall(ring: number, fd: number): string | undefined
  setVringErr(ring: number, fd: number): string | undefined
  /** May come before features, memory and addresses: only to be remembered then. */
  setVringEnable(ring: number, on: boolean): string | undefined
  /** Stops the ring and drops its kick. Returns the next available index that it would take. */
  stopVring(ring: number): number
  /** Bytes of the configuration space; zeros beyond its end. */
  readConfig(offset: number, sizeBytes: number): Uint8Array
  /** @param migration whether read-only fields may be written too */
  writeConfig(offset: number, bytes: Uint8Array, migration: boolean): boolean
  /** RESET_DEVICE, or device status 0: disable and stop all rings, forget features. */
  resetDevice(): string | undefined
  setStatus(status: number): string | undefined
  getStatus(): number
  /** Announce the guest's address on the bridge. */
  sendRarp(mac: Uint8Array): boolean
  setMtu(mtu: number): boolean
  /** What its driver has said before comes again: nothing of that is unknown. */
  takeUp(): void
  /** A command that its driver gave before, by its control queue. Returns whether it was carried out. */
  repeatCommand(command: Uint8Array): boolean
  /** Called once when the session has ended: close everything that was handed over. */
  onDetach(reason: string, cause: DetachCause): void
}
