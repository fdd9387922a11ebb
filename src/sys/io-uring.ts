/**
 * io_uring: system calls by batches. Entries are written into a ring that the kernel shares, one call has it do them all,
 * and what came of each lies in a second ring.
 *
 *   submission ring  [entry | entry | ...]  ── enter() ──>  kernel  ──>  [completion | completion | ...]  completion ring
 *
 * The kernel touches both rings within enter() alone, for the one thread that calls it (SINGLE_ISSUER, DEFER_TASKRUN):
 * no fence is needed, nothing changes between two calls, and no thread of the kernel works for us. A ring belongs to
 * the thread that made it. Source: io_uring_setup(2), io_uring_enter(2), uapi/linux/io_uring.h (6.12).
 */
import { EACCES, EPERM, errno, errnoName, libc, viewOf } from './libc.js'
import { MAP_SHARED, NativeBuffer, PROT_READ_WRITE } from './native-buffer.js'

const SYS_SETUP = 425
const SYS_ENTER = 426
const SYS_REGISTER = 427
const SETUP_CQSIZE = 1 << 3
const SETUP_CLAMP = 1 << 4
/** An entry that is refused does not keep those behind it. */
const SETUP_SUBMIT_ALL = 1 << 7
const SETUP_SINGLE_ISSUER = 1 << 12
const SETUP_DEFER_TASKRUN = 1 << 13
const FEATURE_SINGLE_MMAP = 1
const OFFSET_ENTRIES = 0x1000_0000
const ENTER_GETEVENTS = 1
const REGISTER_PROBE = 8
const REGISTER_BUFFER_RING = 22
const REGISTER_SYNC_CANCEL = 24
const CANCEL_ALL = 1
const CANCEL_ANY = 4
/** struct io_uring_sync_cancel_reg: flags, seconds and nanoseconds to wait (-1: no limit). */
const SYNC_CANCEL = { BYTES: 64, FLAGS: 12, SECONDS: 16, NANOSECONDS: 24 } as const
const PROBE_SUPPORTED = 1

/** Calls of enter() until requests that were told to end have said so. One is enough, but answers may come in portions. */
export const MAX_CANCEL_CALLS = 64

/** Operations - a kernel that knows one has all that the use of it needs -, and flags of entries and completions. */
export const OP = { READ: 22, WRITE: 23, READ_MULTISHOT: 49 } as const
export const SQE_BUFFER_SELECT = 1 << 5
export const CQE_HAS_BUFFER = 1
export const CQE_MORE = 2

/** Words (u32) of an entry, and where its fields lie. Source: struct io_uring_sqe. */
const ENTRY_WORDS = 16
const SQE = { OP: 0, FD: 1, ADDRESS: 4, BYTES: 6, TAG: 8, GROUP: 10 } as const
/** Words of a completion. Source: struct io_uring_cqe. */
const CQE_WORDS = 4
const CQE = { TAG: 0, RESULT: 2, FLAGS: 3 } as const

/** struct io_uring_params, in bytes. */
const PARAMS_BYTES = 120
const PARAMS = { ENTRIES: 0, COMPLETIONS: 4, FLAGS: 8, FEATURES: 20, SQ: 40, CQ: 80 } as const
const SQ = { HEAD: 0, TAIL: 4, ARRAY: 24 } as const
const CQ = { HEAD: 0, TAIL: 4, ENTRIES: 20 } as const
const PROBE_BYTES = 16 + 256 * 8

/** What an entry asks for. */
export interface Request {
  readonly op: number
  /** SQE_* */
  readonly flags?: number
  readonly fd: number
  readonly address?: number
  readonly bytes?: number
  /** Given back with the completion; below 2^32. */
  readonly tag: number
  readonly group?: number
}

function mapRing(fd: number, sizeBytes: number, offset: number): number {
  return libc.mmap(0, sizeBytes, PROT_READ_WRITE, MAP_SHARED, fd, offset)
}

export class IoUring {
  readonly fd: number
  readonly #mappings: { readonly address: number; readonly bytes: number }[] = []
  readonly #ring: Uint32Array
  readonly #entries: Uint32Array
  readonly #results: Int32Array
  readonly #cancel = new NativeBuffer(SYNC_CANCEL.BYTES)
  readonly #mask: number
  readonly #completionMask: number
  /** Words of the ring's indices, and of the first completion. */
  readonly #sqHead: number
  readonly #sqTail: number
  readonly #cqHead: number
  readonly #cqTail: number
  readonly #completions: number
  #tail = 0

  /**
   * A ring of the calling thread; why there is none, where the kernel refuses it or is too old.
   * @param entries a power of two; @param completions a power of two, not less; @param op what it is for (OP)
   */
  static open(entries: number, completions: number, op: number): IoUring | string {
    const params = new NativeBuffer(PARAMS_BYTES)
    try {
      params.data.setUint32(
        PARAMS.FLAGS,
        SETUP_CQSIZE | SETUP_CLAMP | SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN,
        true,
      )
      params.data.setUint32(PARAMS.COMPLETIONS, completions, true)
      const fd = libc.syscall(SYS_SETUP, entries, params.address, 0, 0)
      if (fd < 0) return whyRefused(errno(), op)
      if ((params.data.getUint32(PARAMS.FEATURES, true) & FEATURE_SINGLE_MMAP) === 0 || !knows(fd, op)) {
        libc.close(fd)
        return tooOld(op)
      }
      try {
        return new IoUring(fd, params.data)
      } catch (error) {
        libc.close(fd)
        return (error as Error).message
      }
    } finally {
      params.free()
    }
  }

  private constructor(fd: number, params: DataView) {
    this.fd = fd
    const field = (at: number): number => params.getUint32(at, true)
    const entries = field(PARAMS.ENTRIES)
    const completions = field(PARAMS.COMPLETIONS)
    const ringBytes = Math.max(
      field(PARAMS.SQ + SQ.ARRAY) + entries * 4,
      field(PARAMS.CQ + CQ.ENTRIES) + completions * CQE_WORDS * 4,
    )
    this.#ring = new Uint32Array(this.#map(ringBytes, 0))
    this.#results = new Int32Array(this.#ring.buffer)
    this.#entries = new Uint32Array(this.#map(entries * ENTRY_WORDS * 4, OFFSET_ENTRIES))
    this.#mask = entries - 1
    this.#completionMask = completions - 1
    this.#sqHead = field(PARAMS.SQ + SQ.HEAD) >>> 2
    this.#sqTail = field(PARAMS.SQ + SQ.TAIL) >>> 2
    this.#cqHead = field(PARAMS.CQ + CQ.HEAD) >>> 2
    this.#cqTail = field(PARAMS.CQ + CQ.TAIL) >>> 2
    this.#completions = field(PARAMS.CQ + CQ.ENTRIES) >>> 2
    const array = field(PARAMS.SQ + SQ.ARRAY) >>> 2
    for (let entry = 0; entry < entries; entry++) this.#ring[array + entry] = entry
    this.#cancel.data.setUint32(SYNC_CANCEL.FLAGS, CANCEL_ALL | CANCEL_ANY, true)
    this.#cancel.data.setBigInt64(SYNC_CANCEL.SECONDS, -1n, true)
    this.#cancel.data.setBigInt64(SYNC_CANCEL.NANOSECONDS, -1n, true)
  }

  #map(sizeBytes: number, offset: number): ArrayBuffer {
    const bytes = Math.ceil(sizeBytes / 4096) * 4096
    const address = mapRing(this.fd, bytes, offset)
    if (address < 0) {
      const error = errno()
      this.#unmap()
      throw new Error(`mapping an io_uring failed (${errnoName(error)})`)
    }
    this.#mappings.push({ address, bytes })
    return viewOf(address, bytes)
  }

  #unmap(): void {
    for (const { address, bytes } of this.#mappings.splice(0)) libc.munmap(address, bytes)
    this.#cancel.free()
  }

  /** Has the kernel take buffers of a group from a ring of `count` struct io_uring_buf. Returns 0 or the negated errno. */
  registerBuffers(address: number, count: number, group: number): number {
    const request = new NativeBuffer(40)
    request.data.setBigUint64(0, BigInt(address), true)
    request.data.setUint32(8, count, true)
    request.data.setUint16(12, group, true)
    const result = libc.syscall(SYS_REGISTER, this.fd, REGISTER_BUFFER_RING, request.address, 1)
    const error = result < 0 ? -errno() : 0
    request.free()
    return error
  }

  /** Has all that the kernel still does for the ring end. What becomes of it, enter() brings: ECANCELED, or it was done before. */
  cancelAll(): void {
    libc.syscall(SYS_REGISTER, this.fd, REGISTER_SYNC_CANCEL, this.#cancel.address, 1)
  }

  /** Writes an entry, all of it: what was in its place before is gone. */
  add({ op, flags = 0, fd, address = 0, bytes = 0, tag, group = 0 }: Request): void {
    const entries = this.#entries
    const at = (this.#tail++ & this.#mask) * ENTRY_WORDS
    entries.fill(0, at, at + ENTRY_WORDS)
    entries[at + SQE.OP] = op | (flags << 8)
    entries[at + SQE.FD] = fd
    entries[at + SQE.ADDRESS] = address
    entries[at + SQE.ADDRESS + 1] = address / 0x1_0000_0000
    entries[at + SQE.BYTES] = bytes
    entries[at + SQE.TAG] = tag
    entries[at + SQE.GROUP] = group
  }

  /** The same as the entry that was last in its place, on other bytes: most of an entry stays as it was. */
  addAgain(fd: number, address: number, bytes: number, tag: number): void {
    const entries = this.#entries
    const at = (this.#tail++ & this.#mask) * ENTRY_WORDS
    entries[at + SQE.FD] = fd
    entries[at + SQE.ADDRESS] = address
    entries[at + SQE.ADDRESS + 1] = address / 0x1_0000_0000
    entries[at + SQE.BYTES] = bytes
    entries[at + SQE.TAG] = tag
  }

  /** Forgets the entries that were added and not submitted. */
  forget(): void {
    this.#tail = this.#ring[this.#sqHead] as number
  }

  /**
   * Has the kernel do what was added, and what became possible of what it did not do at once. Does not wait.
   * Returns how many entries it took, or the negated errno; entries that it did not take are forgotten.
   */
  enter(): number {
    const count = (this.#tail - (this.#ring[this.#sqHead] as number)) >>> 0
    this.#ring[this.#sqTail] = this.#tail
    const taken = libc.io_uring_enter(SYS_ENTER, this.fd, count, 0, ENTER_GETEVENTS, 0, 0)
    const error = taken < 0 ? -errno() : taken
    if (taken !== count) {
      this.forget()
      this.#ring[this.#sqTail] = this.#tail
    }
    return error
  }

  /** Completions that were not dropped yet. */
  get completed(): number {
    return ((this.#ring[this.#cqTail] as number) - (this.#ring[this.#cqHead] as number)) >>> 0
  }

  #wordOf(index: number): number {
    const head = this.#ring[this.#cqHead] as number
    return this.#completions + ((head + index) & this.#completionMask) * CQE_WORDS
  }

  tag(index: number): number {
    return this.#ring[this.#wordOf(index) + CQE.TAG] as number
  }

  result(index: number): number {
    return this.#results[this.#wordOf(index) + CQE.RESULT] as number
  }

  /** Its flags (CQE_*); the number of a buffer in the upper half. */
  flags(index: number): number {
    return this.#ring[this.#wordOf(index) + CQE.FLAGS] as number
  }

  /** Gives the oldest completions back. */
  drop(count: number): void {
    this.#ring[this.#cqHead] = (this.#ring[this.#cqHead] as number) + count
  }

  /** Ends it. What the kernel still does for it ends, too, but not at once: cancel that first. */
  close(): void {
    libc.close(this.fd)
    this.#unmap()
  }
}

function tooOld(op: number): string {
  return `the kernel is older than ${op === OP.READ_MULTISHOT ? '6.7' : '6.1'}`
}

function whyRefused(error: number, op: number): string {
  if (error === EPERM || error === EACCES)
    return 'it is refused (sysctl kernel.io_uring_disabled, or a seccomp filter of the container)'
  const name = errnoName(error)
  if (name === 'ENOSYS') return 'the kernel has none, or a seccomp filter of the container hides it'
  return name === 'EINVAL' ? tooOld(op) : `it cannot be made (${name})`
}

function knows(fd: number, op: number): boolean {
  const probe = new NativeBuffer(PROBE_BYTES)
  const isAnswered = libc.syscall(SYS_REGISTER, fd, REGISTER_PROBE, probe.address, 256) === 0
  const flags = probe.data.getUint16(16 + op * 8 + 2, true)
  const isKnown = isAnswered && probe.bytes[0]! >= op && (flags & PROBE_SUPPORTED) !== 0
  probe.free()
  return isKnown
}

/** Why the calling thread can have no ring for an operation (OP), or undefined. */
export function whyNoRing(op: number): string | undefined {
  const ring = IoUring.open(1, 2, op)
  if (typeof ring === 'string') return ring
  ring.close()
  return undefined
}
