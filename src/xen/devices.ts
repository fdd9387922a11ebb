/**
 * What a netif port needs of Xen: pages of a guest's mapped, a list of copies carried out, event channels. The kernel's
 * devices implement it (src/port/xen over src/sys), and a model of them in plain memory (src/driver/xen).
 */

/** Bytes of a page that a guest grants, whatever the pages of the host. */
export const XEN_PAGE_BYTES = 4096

/**
 * Bytes of a copy segment as it lies in the linear memory: struct gntdev_grant_copy_segment (Linux 6.1,
 * include/uapi/xen/gntdev.h), so that a list of them is handed to IOCTL_GNTDEV_GRANT_COPY as it is.
 *
 *   source 8 | dest 8 | length u16 | flags u16 | status s16 | 2 unused
 *     local side: u64 address; granted side: u32 reference, u16 offset, u16 domain
 */
export const COPY_SEGMENT_BYTES = 24
export const COPY_SOURCE = 0
export const COPY_DEST = 8
export const COPY_LENGTH = 16
export const COPY_FLAGS = 18
export const COPY_STATUS = 20
/** COPY_FLAGS: which side is granted. Source: xen/include/public/grant_table.h. */
export const GNTCOPY_source_gref = 1
export const GNTCOPY_dest_gref = 2
/** COPY_STATUS. */
export const GNTST_okay = 0
export const GNTST_general_error = -1
export const GNTST_bad_gntref = -3
export const GNTST_bad_copy_arg = -10

/** Pages of a guest's in the linear memory. */
export interface GrantMapping {
  /** Gives the pages back to the guest; zero pages take their place. Once. */
  unmap(): void
}

/** Access to what other domains grant. Its calls do not wait. */
export interface GrantDevice {
  /** Address of the linear memory's offset 0, as local sides of copy segments have it. */
  readonly base: bigint
  /**
   * Maps granted pages, writable, one behind the other over the linear memory. Throws a RingferryError, having mapped
   * none, when the guest does not grant them.
   * @param at linear offset, a multiple of a page, of room for all of them that is the caller's
   */
  map(domain: number, references: readonly number[], at: number): GrantMapping
  /**
   * Carries out the copies of a list, in one call. The status of each segment says what became of it: the caller has set
   * all to GNTST_general_error, so a call that fails as a whole leaves that. Throws nothing.
   * @param at linear offset of the first segment
   */
  copy(at: number, count: number): void
}

/** Event channels of one port: a handle with its own descriptor. */
export interface EventChannels {
  /** Can be read while an event is pending (epoll). */
  readonly fd: number
  /** Connects to a channel that a domain offers. Returns the local number. Throws a RingferryError when it cannot. */
  bind(domain: number, remote: number): number
  /** Signals the other side. Throws nothing. @param local as bind() told */
  notify(local: number): void
  /** Channels with an event, by local number; each is silent until unmask(). */
  pending(): readonly number[]
  /** Lets events of these channels through again. */
  unmask(locals: readonly number[]): void
  unbind(local: number): void
  /** Unbinds all, and closes the descriptor. */
  close(): void
}
