/**
 * A TAP device: the host kernel's end of a cable, for a network namespace or any program with a socket. Frames
 * carry the virtio-net header both ways, so offloads cross as they are. The device may be set down, moved to
 * another namespace or removed at any time; the port follows, and makes a removed device anew.
 */

import { flowHash, frameBytes } from '../core/byte-ring.js'
import {
  DROP_HOST_ERROR,
  MAX_QUEUE_PAIRS,
  P_QUEUE_PAIRS,
  RECORD_NET_HEADER,
  STAGE_AT,
} from '../core/layout.js'
import { TAKE_ALL } from '../core/port-row.js'
import { RingferryError } from '../errors/errors.js'
import { memoryAddress } from '../grants/memory-address.js'
import { EAGAIN, EINTR, errno, errnoName, libc } from '../sys/libc.js'
import { bringUp, setMtu } from '../sys/network-device.js'
import { openTap, TAP_HEADER_BYTES, tapState } from '../sys/tap.js'
import { closeFd } from '../sys/unix-socket.js'
import type { TapConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import { MAX_READ_BYTES, TAKE_TCP } from './host-output.js'
import type { PortHost } from './port.js'

/** Room for one frame: more than the kernel ever hands over at once, so that nothing is cut. */
const READ_BYTES = 128 * 1024
const MAX_WRITES = 256

const TAKES = { none: 0, tcp: TAKE_TCP, 'tcp+udp': TAKE_ALL } as const

export class TapPort extends DescriptorPort<TapConfig> {
  #nextQueue = 0
  /** Bytes read in this turn. */
  #readBytes = 0

  constructor(host: PortHost, index: number, config: TapConfig) {
    super(host, index, config, config.device)
  }

  override open(): void {
    const queues = this.config.queues ?? 1
    if (queues < 1 || queues > MAX_QUEUE_PAIRS)
      throw new RingferryError(
        'CONFIG',
        `port ${this.name}: a TAP has 1 to ${MAX_QUEUE_PAIRS} queues, not ${queues}`,
      )
    super.open()
  }

  /** Makes the device, or uses the one that is there. */
  protected attach(): void {
    const { device, queues = 1, offloads = true, mtu } = this.config
    const { fds, offloads: agreed } = openTap(device, queues, offloads)
    try {
      if (mtu !== undefined) setMtu(device, mtu)
      bringUp(device)
    } catch (error) {
      for (const fd of fds) closeFd(fd)
      throw error
    }
    this.row.set(P_QUEUE_PAIRS, queues)
    this.attached(fds, { takes: TAKES[agreed], sends: TAKES[agreed] })
    this.setLink(tapState(this.fd) === 'up')
  }

  /** A device that is there gets a new MTU; without the setting it keeps what it has. */
  protected override adapt({ device, mtu }: TapConfig): () => void {
    if (mtu === undefined || mtu === this.config.mtu || this.fd < 0) return () => {}
    const before = setMtu(device, mtu)
    return () => {
      setMtu(device, before)
    }
  }

  /** The device may be up, down or removed. */
  protected override follow(): void {
    const state = tapState(this.fd)
    if (state === 'gone') this.detach(`device ${this.config.device} was removed`)
    else this.setLink(state === 'up')
  }

  protected readBurst(budget: number): number {
    let frames = 0
    let empty = 0
    this.#readBytes = 0
    while (frames < budget && empty < this.fds.length && this.#readBytes < MAX_READ_BYTES) {
      const share = Math.ceil((budget - frames) / this.fds.length)
      const fd = this.fds[this.#nextQueue++ % this.fds.length] as number
      const got = this.#readQueue(fd, share)
      frames += got
      empty = got < share ? empty + 1 : 0
    }
    return frames
  }

  /** Reads up to `budget` frames of one queue. Returns how many. */
  #readQueue(fd: number, budget: number): number {
    const { memory, plane } = this.host
    let frames = 0
    while (frames < budget && this.#readBytes < MAX_READ_BYTES) {
      const bytes = libc.read(fd, memoryAddress(memory) + STAGE_AT, READ_BYTES)
      if (bytes < 0) {
        const error = errno()
        if (error === EINTR) continue
        // A removed device reads as EBADFD for ever: level-triggered watching must end at once.
        if (error !== EAGAIN)
          this.detach(`device ${this.config.device}: reading failed (${errnoName(error)}), it was removed`)
        break
      }
      const more = plane.ingest(this.index, STAGE_AT, bytes, TAP_HEADER_BYTES)
      this.#readBytes += more ? bytes : MAX_READ_BYTES
      frames++
    }
    return frames
  }

  transmit(): number {
    const { memory } = this.host
    const queues = this.fds.length
    let written = 0
    while (written < MAX_WRITES && queues > 0) {
      if (this.output.count === 0) break
      const record = this.output.first()
      const hash = queues > 1 ? flowHash(memory, record) : 0
      const fd = this.fds[hash % queues] as number
      const bytes = TAP_HEADER_BYTES + frameBytes(memory, record)
      if (libc.write(fd, memoryAddress(memory) + record + RECORD_NET_HEADER, bytes) < 0) {
        const error = errno()
        if (error === EINTR) continue
        if (error === EAGAIN) {
          this.block(fd)
          break
        }
        this.row.countDrops(DROP_HOST_ERROR, 1)
        this.output.pop(1)
        if (tapState(fd) === 'up') continue
        this.setLink(false)
        break
      }
      this.output.pop(1)
      written++
    }
    return written
  }
}
