/**
 * QEMU's `-netdev stream` and passt: a Unix stream socket on which each frame follows its length.
 *
 *   | length, 4 bytes big endian | frame | length | frame | ...
 *
 * There is no virtio-net header: frames cross with their checksums complete and segments cut. One peer at a
 * time; when it goes, the port waits for the next. Source: QEMU 7.2 net/stream.c, passt 2024 tap.c.
 */

import { EAGAIN, EINTR, errnoName } from '../sys/libc.js'
import type { StreamConfig } from './config.js'
import { DescriptorPort } from './descriptor-port.js'
import { PeerSocket } from './peer-socket.js'
import type { PortHost } from './port.js'
import { StreamInput } from './stream-input.js'
import { StreamOutput } from './stream-output.js'

const MAX_WRITES = 8
const HUNG_UP = 'the peer closed the connection'

export class StreamPort extends DescriptorPort<StreamConfig> {
  readonly #peers: PeerSocket
  readonly #writer: StreamOutput
  #reader: StreamInput | undefined

  constructor(host: PortHost, index: number, config: StreamConfig) {
    super(host, index, config, config.socket)
    this.#writer = new StreamOutput(host.memory, this.output)
    this.#peers = new PeerSocket(host, this, this.row, config, {
      hasPeer: () => this.fd >= 0,
      attach: (fd) => this.#meet(fd),
      onTrouble: (problem) => {
        this.reason = problem
      },
    })
  }

  /** Called once: peers come by the socket from then on. */
  protected attach(): void {
    this.#reader = new StreamInput(this.host, this.row, this.name)
    this.#peers.open()
  }

  #meet(fd: number): void {
    this.#reader?.reset()
    this.#writer.reset()
    this.attached([fd], { takes: 0, sends: 0 })
    this.setLink(true)
  }

  override tick(nowUs: number): void {
    this.#peers.tick(nowUs)
  }

  override serveRequest(): boolean {
    return this.#peers.serve()
  }

  protected readBurst(budget: number): number {
    const reader = this.#reader
    if (!reader) return 0
    let frames = this.#parse(reader, budget)
    while (frames < budget && this.fd >= 0) {
      const bytes = reader.read(this.fd)
      if (bytes === -EINTR) continue
      if (bytes === -EAGAIN) break
      if (bytes <= 0) {
        this.detach(bytes === 0 ? HUNG_UP : `reading failed (${errnoName(-bytes)})`)
        break
      }
      const mayWait = reader.isFull
      frames += this.#parse(reader, budget - frames)
      if (!mayWait) break
    }
    return frames
  }

  #parse(reader: StreamInput, budget: number): number {
    const frames = reader.parse(budget)
    if (reader.breach !== undefined) this.detach(reader.breach, true)
    return frames
  }

  transmit(): number {
    let frames = 0
    for (let calls = 0; calls < MAX_WRITES && this.output.count > 0 && this.fd >= 0; calls++) {
      const offered = this.#writer.gather()
      const bytes = this.#writer.write(this.fd)
      if (bytes === -EINTR) continue
      if (bytes < 0 && bytes !== -EAGAIN) {
        const name = errnoName(-bytes)
        this.detach(name === 'EPIPE' || name === 'ECONNRESET' ? HUNG_UP : `writing failed (${name})`)
        break
      }
      if (bytes > 0) frames += this.#writer.take(bytes)
      if (bytes < offered) {
        this.block(this.fd)
        break
      }
    }
    return frames
  }

  override close(): void {
    this.detach('the port was removed')
    this.#peers.close()
    super.close()
    this.#reader?.free()
    this.#writer.free()
  }
}
