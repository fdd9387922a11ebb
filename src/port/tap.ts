/**
 * A TAP device: the host kernel's end of a cable, for a network namespace or any program with a socket. Frames
 * carry the virtio-net header both ways, so offloads cross as they are. The device may be set down, moved to
 * another namespace or removed at any time; the port follows, and makes a removed device anew.
 */

import {
  DROP_HOST_ERROR,
  MAX_QUEUE_PAIRS,
  P_QUEUE_PAIRS,
  PORT_LINK,
  RECORD_FRAME_BYTES,
  RECORD_HASH,
  RECORD_NET_HEADER,
  STAGE_AT,
} from '../core/layout.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { EPOLLIN, EPOLLOUT } from '../sys/epoll.js'
import { EAGAIN, EINTR, errno, errnoName, libc } from '../sys/libc.js'
import { bringUp, setMtu } from '../sys/network-device.js'
import { openTap, TAP_HEADER_BYTES, type Tap, tapState } from '../sys/tap.js'
import { closeFd } from '../sys/unix-socket.js'
import type { TapConfig } from './config.js'
import { countDrops, forgetPeer, HostOutput, MAX_READ_BYTES, offloadNames, TAKE_TCP } from './host-output.js'
import type { Port, PortHost, PortStatus } from './port.js'
import { PortRow, TAKE_ALL } from './row.js'

const RETRY_US = 200_000
/** Room for one frame: more than the kernel ever hands over at once, so that nothing is cut. */
const READ_BYTES = 128 * 1024
const MAX_WRITES = 256

const TAKES = { none: 0, tcp: TAKE_TCP, 'tcp+udp': TAKE_ALL } as const

export class TapPort implements Port {
  readonly name: string
  readonly kind = 'tap'
  readonly index: number
  readonly #host: PortHost
  readonly #config: TapConfig
  readonly #row: PortRow
  readonly #output: HostOutput
  #fds: readonly number[] = []
  #takes = 0
  #up = false
  #blocked = false
  #nextQueue = 0
  /** Bytes read in this turn. */
  #readBytes = 0
  #retryAtUs = 0
  #reason: string | undefined

  constructor(host: PortHost, index: number, config: TapConfig) {
    this.#host = host
    this.#config = config
    this.name = config.name
    this.index = index
    this.#row = new PortRow(host.memory, index)
    this.#output = new HostOutput(host, this.#row)
  }

  open(): void {
    const queues = this.#config.queues ?? 1
    if (queues < 1 || queues > MAX_QUEUE_PAIRS)
      throw new RingferryError(
        'CONFIG',
        `port ${this.name}: a TAP has 1 to ${MAX_QUEUE_PAIRS} queues, not ${queues}`,
      )
    this.#row.open(this.#config, false)
    try {
      this.#attach()
    } catch (error) {
      this.#row.close()
      throw error
    }
  }

  #attach(): void {
    const { device, queues = 1, offloads = true, mtu } = this.#config
    const tap = openTap(device, queues, offloads)
    try {
      if (mtu !== undefined) setMtu(device, mtu)
      bringUp(device)
    } catch (error) {
      for (const fd of tap.fds) closeFd(fd)
      throw error
    }
    this.#use(tap)
    this.#row.set(P_QUEUE_PAIRS, queues)
    this.#host.report(this, 'attached', device)
    this.#setLink(tapState(tap.fds[0] as number) === 'up')
  }

  #use(tap: Tap): void {
    this.#fds = tap.fds
    this.#blocked = false
    this.#reason = undefined
    this.#takes = TAKES[tap.offloads]
    this.#row.setOffloads(this.#takes, this.#takes)
    for (const fd of tap.fds) this.#host.watch(fd, EPOLLIN, (events) => this.#onEvents(fd, events))
  }

  #onEvents(fd: number, events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.#blocked = false
      this.#host.rewatch(fd, EPOLLIN)
    }
    if ((events & ~EPOLLOUT) !== 0) this.#host.wake(this.index)
  }

  #setLink(up: boolean): void {
    if (up === this.#up) return
    this.#up = up
    this.#row.flag(PORT_LINK, up)
    if (!up) forgetPeer(this.#host, this.#row)
    this.#host.report(this, up ? 'link-up' : 'link-down', this.#config.device)
  }

  #release(): void {
    for (const fd of this.#fds) {
      this.#host.unwatch(fd)
      closeFd(fd)
    }
    this.#fds = []
  }

  #detach(reason: string): void {
    this.#release()
    this.#reason = reason
    this.#setLink(false)
    this.#host.report(this, 'detached', reason)
  }

  fail(reason: string): void {
    if (this.#fds.length > 0) this.#detach(reason)
    else if (this.#reason !== reason) {
      this.#reason = reason
      this.#host.report(this, 'error', reason)
    }
  }

  /** Follows the device: up, down, removed; makes a removed one again. */
  tick(nowUs: number): void {
    const first = this.#fds[0]
    if (first !== undefined) {
      const state = tapState(first)
      if (state === 'gone') this.#detach(`device ${this.#config.device} was removed`)
      else this.#setLink(state === 'up')
      return
    }
    if (nowUs < this.#retryAtUs) return
    this.#retryAtUs = nowUs + RETRY_US
    this.#attach()
  }

  receive(budget: number): number {
    let frames = 0
    let empty = 0
    this.#readBytes = 0
    while (frames < budget && empty < this.#fds.length && this.#readBytes < MAX_READ_BYTES) {
      const share = Math.ceil((budget - frames) / this.#fds.length)
      const fd = this.#fds[this.#nextQueue++ % this.#fds.length] as number
      const got = this.#readQueue(fd, share)
      frames += got
      empty = got < share ? empty + 1 : 0
    }
    // While frames come, looking again next turn costs one call and is sooner than the next look at epoll.
    if (frames > 0) this.#host.wake(this.index)
    return frames
  }

  /** Reads up to `budget` frames of one queue. Returns how many. */
  #readQueue(fd: number, budget: number): number {
    const { memory, plane } = this.#host
    let frames = 0
    while (frames < budget && this.#readBytes < MAX_READ_BYTES) {
      const bytes = libc.read(fd, memoryAddress(memory) + STAGE_AT, READ_BYTES)
      if (bytes < 0) {
        const error = errno()
        if (error === EINTR) continue
        // A removed device reads as EBADFD for ever: level-triggered watching must end at once.
        if (error !== EAGAIN && this.#fds.length > 0)
          this.#detach(`device ${this.#config.device}: reading failed (${errnoName(error)}), it was removed`)
        break
      }
      const more = plane.ingest(this.index, STAGE_AT, bytes, TAP_HEADER_BYTES)
      this.#readBytes += more ? bytes : MAX_READ_BYTES
      frames++
    }
    return frames
  }

  hasOutput(): boolean {
    return !this.#blocked && this.#output.count > 0
  }

  transmit(): number {
    const { memory } = this.#host
    const queues = this.#fds.length
    let written = 0
    while (written < MAX_WRITES && queues > 0) {
      if (this.#output.count === 0) break
      const record = this.#output.first()
      const hash = queues > 1 ? (memory.u32[(record + RECORD_HASH) >>> 2] as number) : 0
      const fd = this.#fds[hash % queues] as number
      const bytes = TAP_HEADER_BYTES + (memory.u32[(record + RECORD_FRAME_BYTES) >>> 2] as number)
      if (libc.write(fd, memoryAddress(memory) + record + RECORD_NET_HEADER, bytes) < 0) {
        const error = errno()
        if (error === EINTR) continue
        if (error === EAGAIN) {
          this.#blocked = true
          this.#host.rewatch(fd, EPOLLIN | EPOLLOUT)
          break
        }
        countDrops(this.#row, DROP_HOST_ERROR, 1)
        this.#output.pop(1)
        if (tapState(fd) === 'up') continue
        this.#setLink(false)
        break
      }
      this.#output.pop(1)
      written++
    }
    return written
  }

  status(): PortStatus {
    const attached = this.#fds.length > 0
    return {
      name: this.name,
      kind: this.kind,
      index: this.index,
      state: this.#up ? 'up' : attached ? 'attached' : 'waiting',
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      detachments: 0,
      negotiated: offloadNames(this.#takes),
      place: this.#config.device,
    }
  }

  close(): void {
    this.#release()
    this.#row.close()
  }
}
