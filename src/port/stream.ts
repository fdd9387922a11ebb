/**
 * QEMU's `-netdev stream` and passt: a Unix stream socket on which each frame follows its length.
 *
 *   | length, 4 bytes big endian | frame | length | frame | ...
 *
 * There is no virtio-net header: frames cross with their checksums complete and segments cut. One peer at a
 * time; when it goes, the port waits for the next. Source: QEMU 7.2 net/stream.c, passt 2024 tap.c.
 */

import {
  DROP_RUNT,
  DROP_TOO_LONG,
  MAX_FRAME_BYTES,
  MIN_FRAME_BYTES,
  NET_HEADER_BYTES,
  PORT_LINK,
  RECORD_FRAME,
  RECORD_FRAME_BYTES,
} from '../core/layout.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { EPOLLIN, EPOLLOUT } from '../sys/epoll.js'
import { EAGAIN, EINTR, errno, errnoName, libc } from '../sys/libc.js'
import { NativeBuffer } from '../sys/native-buffer.js'
import { closeFd, connectUnix } from '../sys/unix-socket.js'
import type { StreamConfig } from './config.js'
import { countDrops, forgetPeer, HostOutput } from './host-output.js'
import { Listener } from './listener.js'
import type { Port, PortHost, PortStatus } from './port.js'
import { Refusals } from './refusal.js'
import { PortRow } from './row.js'

const RETRY_US = 200_000
const LENGTH_BYTES = 4
/** A longer announcement is no frame of any link: the peer speaks another protocol, and is detached. */
const MAX_SKIPPED_BYTES = 1024 * 1024
const INPUT_BYTES = 256 * 1024
/** Room before the input in which the first frame's empty virtio-net header lies. */
const HEADROOM_BYTES = 16
const MAX_VECTORS = 64
const MAX_WRITES = 8
const IOVEC_WORDS = 4

export class StreamPort implements Port {
  readonly name: string
  readonly kind = 'stream'
  readonly index: number
  readonly #host: PortHost
  readonly #config: StreamConfig
  readonly #row: PortRow
  readonly #refusals: Refusals
  readonly #output: HostOutput
  #vectors: NativeBuffer | undefined
  #words: Uint32Array = new Uint32Array(0)
  #listener: Listener | undefined
  #fd = -1
  #retryAtUs = 0
  #blocked = false
  /** Linear offset of the input buffer; the part of it that holds unread bytes. */
  #input = 0
  #from = 0
  #to = 0
  /** Bytes still to come of a frame that is not taken. */
  #skipped = 0
  /** Bytes of the oldest record, its length included, that were written already. */
  #written = 0
  #reason: string | undefined
  #detachments = 0

  constructor(host: PortHost, index: number, config: StreamConfig) {
    this.#host = host
    this.#config = config
    this.name = config.name
    this.index = index
    this.#row = new PortRow(host.memory, index)
    this.#refusals = new Refusals(host, this, this.#row)
    this.#output = new HostOutput(host, this.#row)
  }

  open(): void {
    this.#row.open(this.#config, false)
    try {
      this.#input = this.#host.memory.allocate(HEADROOM_BYTES + INPUT_BYTES)
      if (this.#input === 0)
        throw new RingferryError(
          'UNSUPPORTED',
          `port ${this.name}: the linear memory is full; remove a port or give it more memory`,
        )
      this.#vectors = new NativeBuffer(MAX_VECTORS * IOVEC_WORDS * 4)
      this.#words = new Uint32Array(this.#vectors.bytes.buffer)
      if (this.#config.mode === 'client') this.#connect()
      else this.#listener = new Listener(this.#host, this.index, this.#config.socket, this.#config)
    } catch (error) {
      this.#freeMemory()
      throw error
    }
  }

  serveRequest(): boolean {
    const fd = this.#listener?.mayWait ? this.#listener.accept() : -EAGAIN
    if (fd < 0) {
      if (fd !== -EAGAIN) this.#reason = `a connection cannot be taken yet (${errnoName(-fd)})`
    } else if (this.#fd >= 0) this.#refusals.refuse(fd)
    else this.#attach(fd)
    return this.#listener?.mayWait === true
  }

  #connect(): void {
    const fd = connectUnix(this.#config.socket)
    if (fd >= 0) this.#attach(fd)
  }

  #attach(fd: number): void {
    this.#fd = fd
    this.#blocked = false
    this.#from = 0
    this.#to = 0
    this.#skipped = 0
    this.#written = 0
    this.#reason = undefined
    this.#host.watch(fd, EPOLLIN, (events) => this.#onEvents(events))
    this.#host.report(this, 'attached', this.#config.socket)
    this.#row.flag(PORT_LINK, true)
    this.#host.report(this, 'link-up', this.#config.socket)
  }

  #onEvents(events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.#blocked = false
      this.#host.rewatch(this.#fd, EPOLLIN)
    }
    if ((events & ~EPOLLOUT) !== 0) this.#host.wake(this.index)
  }

  #detach(reason: string, isBreach: boolean): void {
    if (this.#fd < 0) return
    this.#host.unwatch(this.#fd)
    closeFd(this.#fd)
    this.#fd = -1
    this.#reason = reason
    if (isBreach) this.#detachments++
    this.#row.flag(PORT_LINK, false)
    forgetPeer(this.#host, this.#row)
    this.#host.report(this, 'link-down', this.#config.socket)
    this.#host.report(this, 'detached', reason)
  }

  fail(reason: string): void {
    if (this.#fd >= 0) this.#detach(reason, false)
    else if (this.#reason !== reason) {
      this.#reason = reason
      this.#host.report(this, 'error', reason)
    }
  }

  tick(nowUs: number): void {
    this.#listener?.tick()
    if (this.#config.mode !== 'client' || this.#fd >= 0 || nowUs < this.#retryAtUs) return
    this.#retryAtUs = nowUs + RETRY_US
    this.#connect()
  }

  receive(budget: number): number {
    let frames = this.#parse(budget)
    while (frames < budget && this.#fd >= 0) {
      const start = this.#input + HEADROOM_BYTES
      if (this.#from > 0) {
        this.#host.memory.u8.copyWithin(start, start + this.#from, start + this.#to)
        this.#to -= this.#from
        this.#from = 0
      }
      const room = INPUT_BYTES - this.#to
      const bytes = libc.read(this.#fd, memoryAddress(this.#host.memory) + start + this.#to, room)
      if (bytes < 0) {
        const error = errno()
        if (error === EINTR) continue
        if (error !== EAGAIN) this.#detach(`reading failed (${errnoName(error)})`, false)
        break
      }
      if (bytes === 0) {
        this.#detach('the peer closed the connection', false)
        break
      }
      this.#to += bytes
      frames += this.#parse(budget - frames)
      if (bytes < room) break
    }
    if (frames > 0) this.#host.wake(this.index)
    return frames
  }

  /**
   * Hands up to `budget` whole frames of the input to the plane. Their empty headers are written over the
   * length and the end of the frame before, which is no longer needed.
   */
  #parse(budget: number): number {
    const { u8, data } = this.#host.memory
    const start = this.#input + HEADROOM_BYTES
    let frames = 0
    this.#skip()
    while (frames < budget && this.#to - this.#from >= LENGTH_BYTES) {
      const length = data.getUint32(start + this.#from, false)
      if (length > MAX_SKIPPED_BYTES) {
        this.#detach(
          `a frame of ${length} bytes; from ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES} are possible`,
          true,
        )
        break
      }
      if (length > MAX_FRAME_BYTES || length < MIN_FRAME_BYTES) {
        countDrops(this.#row, length < MIN_FRAME_BYTES ? DROP_RUNT : DROP_TOO_LONG, 1)
        this.#skipped = LENGTH_BYTES + length
        frames++
        this.#skip()
        continue
      }
      if (this.#to - this.#from < LENGTH_BYTES + length) break
      const at = start + this.#from + LENGTH_BYTES - NET_HEADER_BYTES
      u8.fill(0, at, at + NET_HEADER_BYTES)
      const more = this.#host.plane.ingest(this.index, at, NET_HEADER_BYTES + length, NET_HEADER_BYTES)
      this.#from += LENGTH_BYTES + length
      frames++
      // The burst has cost enough: as if the budget were used up.
      if (!more) return budget
    }
    return frames
  }

  /** Passes over what has come of a frame that cannot be taken. */
  #skip(): void {
    const bytes = Math.min(this.#skipped, this.#to - this.#from)
    this.#from += bytes
    this.#skipped -= bytes
  }

  hasOutput(): boolean {
    return this.#fd >= 0 && !this.#blocked && this.#output.count > 0
  }

  transmit(): number {
    let frames = 0
    for (let calls = 0; calls < MAX_WRITES && this.#output.count > 0 && this.#fd >= 0; calls++) {
      const count = Math.min(this.#output.count, MAX_VECTORS)
      const offered = this.#gather(count)
      const bytes = libc.writev(this.#fd, (this.#vectors as NativeBuffer).address, count)
      if (bytes < 0) {
        const error = errno()
        if (error === EINTR) continue
        if (error === EAGAIN) this.#block()
        else
          this.#detach(
            errnoName(error) === 'EPIPE' || errnoName(error) === 'ECONNRESET'
              ? 'the peer closed the connection'
              : `writing failed (${errnoName(error)})`,
            false,
          )
        break
      }
      frames += this.#take(bytes)
      if (bytes < offered) {
        this.#block()
        break
      }
    }
    return frames
  }

  #block(): void {
    this.#blocked = true
    this.#host.rewatch(this.#fd, EPOLLIN | EPOLLOUT)
  }

  /**
   * Points the vectors at the oldest records, each with its length in front: in the last bytes of the
   * virtio-net header, which this port has no use for. Returns their bytes.
   */
  #gather(count: number): number {
    const { memory } = this.#host
    const { u32, data } = memory
    const address = memoryAddress(memory)
    let total = 0
    let record = this.#output.first()
    for (let index = 0; index < count; index++) {
      if (index > 0) record = this.#output.next(record)
      const frameBytes = u32[(record + RECORD_FRAME_BYTES) >>> 2] as number
      data.setUint32(record + RECORD_FRAME - LENGTH_BYTES, frameBytes, false)
      const done = index === 0 ? this.#written : 0
      const at = address + record + RECORD_FRAME - LENGTH_BYTES + done
      this.#words[index * IOVEC_WORDS] = at
      this.#words[index * IOVEC_WORDS + 1] = at / 0x1_0000_0000
      this.#words[index * IOVEC_WORDS + 2] = LENGTH_BYTES + frameBytes - done
      total += LENGTH_BYTES + frameBytes - done
    }
    return total
  }

  /** Takes away what was written. Returns the frames that are complete. */
  #take(bytes: number): number {
    const { u32 } = this.#host.memory
    let frames = 0
    this.#written += bytes
    while (this.#written > 0) {
      const record = this.#output.first()
      const whole = LENGTH_BYTES + (u32[(record + RECORD_FRAME_BYTES) >>> 2] as number)
      if (this.#written < whole) break
      this.#written -= whole
      this.#output.pop(1)
      frames++
    }
    return frames
  }

  status(): PortStatus {
    return {
      name: this.name,
      kind: this.kind,
      index: this.index,
      state: this.#fd >= 0 ? 'up' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: this.#detachments,
      negotiated: [],
      place: this.#config.socket,
    }
  }

  #freeMemory(): void {
    this.#vectors?.free()
    this.#vectors = undefined
    if (this.#input !== 0) this.#host.memory.free(this.#input)
    this.#input = 0
    this.#row.close()
  }

  close(): void {
    this.#detach('the port was removed', false)
    this.#listener?.close()
    this.#listener = undefined
    this.#freeMemory()
  }
}
