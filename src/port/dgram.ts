/**
 * Unix datagrams, one frame each, without virtio-net header: QEMU's `-netdev dgram`, vfkit and krunkit.
 *
 *   socket (ours) <── frames ── peer's socket: the one that was named, or the first that sends
 *                 ── frames ──>
 *
 * While there is a peer, our socket is connected to it: others cannot send, and a full peer can be waited for. Nobody
 * tells that a datagram peer went: its socket is looked at ten times a second. Frames cross with their checksums complete
 * and segments cut. Source: QEMU 7.2 net/dgram.c; gvisor-tap-vsock pkg/transport/unixgram_darwin.go for vfkit's greeting.
 */
import { frameBytes } from '../core/byte-ring.js'
import { DROP_HOST_ERROR, NET_HEADER_BYTES, RECORD_FRAME } from '../core/layout.js'
import { memoryAddress } from '../grants/memory-address.js'
import { DatagramBatch } from '../sys/datagram-batch.js'
import { duplicate } from '../sys/descriptor.js'
import { EPOLLIN } from '../sys/epoll.js'
import { EAGAIN, EINTR, errnoName } from '../sys/libc.js'
import {
  connectDatagram,
  disconnectDatagram,
  isFrom,
  isThere,
  openUnixDatagram,
  senderAddress,
  socketIdentity,
  UNIX_ADDRESS_BYTES,
  unixAddress,
  unixAddressText,
} from '../sys/unix-datagram.js'
import { closeFd, unlinkQuietly } from '../sys/unix-socket.js'
import type { DgramConfig } from './config.js'
import { DatagramInput } from './datagram-input.js'
import { DescriptorPort } from './descriptor-port.js'
import { MAX_READ_BYTES } from './host-output.js'
import type { PortHost } from './port.js'
import { Refusals } from './refusal.js'

const BATCH = 64
const MAX_CALLS = 8
/** What older vfkit sends first: "VFKT", no frame. */
const GREETING = 0x56_46_4b_54
const GREETING_BYTES = 4
const NO_ADDRESS =
  'a datagram came from a socket without address, which cannot be answered; bind the sender to a path'

/** Whether a refusal concerns one frame, and not the peer. */
function isOfFrame(error: number): boolean {
  const name = errnoName(error)
  return name === 'EMSGSIZE' || name === 'ENOBUFS' || name === 'ENOMEM'
}

export class DgramPort extends DescriptorPort<DgramConfig> {
  readonly #refusals: Refusals
  readonly #sending = new DatagramBatch(BATCH)
  #input: DatagramInput | undefined
  /** Our socket; a copy of its descriptor is the port's while there is a peer. */
  #socket = -1
  #peer = new Uint8Array(0)
  #identity: string | undefined

  constructor(host: PortHost, index: number, config: DgramConfig) {
    super(host, index, config, config.socket)
    this.#refusals = new Refusals(host, this, this.row)
  }

  /** Called once: the socket stays, peers come and go. */
  protected attach(): void {
    this.#input = new DatagramInput(this.host, this.name, 0, UNIX_ADDRESS_BYTES)
    this.#socket = openUnixDatagram(this.config.socket, this.config)
    this.#await()
    this.#seek()
  }

  #await(): void {
    this.host.watch(this.#socket, EPOLLIN, () => this.host.wake(this.index))
  }

  /** Looks for the peer that was named. */
  #seek(): void {
    const { peer } = this.config
    if (peer !== undefined && this.fd < 0 && isThere(peer)) this.#meet(unixAddress(peer))
  }

  /** Connects to a peer. Returns whether it could be. */
  #meet(address: Uint8Array): boolean {
    const error = -connectDatagram(this.#socket, address)
    if (error !== 0) {
      this.reason = `${unixAddressText(address)} cannot be answered (${errnoName(error)})`
      return false
    }
    this.#peer = Uint8Array.from(address)
    this.#identity = socketIdentity(address)
    this.host.unwatch(this.#socket)
    this.attached([duplicate(this.#socket)], { takes: 0, sends: 0 })
    this.setLink(true)
    return true
  }

  protected override release(): void {
    const hadPeer = this.fd >= 0
    super.release()
    if (!hadPeer || this.#socket < 0) return
    disconnectDatagram(this.#socket)
    this.#peer = new Uint8Array(0)
    this.#await()
  }

  override tick(): void {
    if (this.fd >= 0) this.follow()
    else this.#seek()
  }

  protected override follow(): void {
    const text = unixAddressText(this.#peer)
    const isAbstract = text.startsWith('@')
    if (!isAbstract && (socketIdentity(this.#peer) !== this.#identity || !isThere(text)))
      this.detach('the peer closed its socket')
  }

  protected readBurst(budget: number): number {
    const input = this.#input
    if (!input) return 0
    let frames = 0
    let readBytes = 0
    while (frames < budget && readBytes < MAX_READ_BYTES) {
      const wanted = input.wanted(budget - frames, readBytes)
      const got = input.receive(this.#socket, wanted)
      if (-got === EINTR) continue
      if (got < 0) {
        if (-got !== EAGAIN) this.detach(`reading failed (${errnoName(-got)})`)
        break
      }
      for (let slot = 0; slot < got; slot++)
        readBytes += this.#take(input, slot) ? input.batch.bytes(slot) : MAX_READ_BYTES
      frames += got
      if (got < wanted) break
    }
    return frames
  }

  /** Hands a frame to the plane. Returns false when the burst has cost enough. */
  #take(input: DatagramInput, slot: number): boolean {
    if (!this.#isHeard(input, slot)) return true
    const { memory, plane } = this.host
    const at = input.at(slot)
    const bytes = input.batch.bytes(slot)
    if (bytes === GREETING_BYTES && memory.data.getUint32(at, false) === GREETING) return true
    const header = at - NET_HEADER_BYTES
    memory.u8.fill(0, header, at)
    return plane.ingest(this.index, header, NET_HEADER_BYTES + bytes, NET_HEADER_BYTES) !== 0
  }

  /** Whether a datagram is the peer's; without a peer, its sender becomes it. */
  #isHeard({ batch }: DatagramInput, slot: number): boolean {
    if (this.fd >= 0 && isFrom(batch, slot, this.#peer)) return true
    const sender = senderAddress(batch, slot)
    const text = unixAddressText(sender)
    if (sender.length === 0) this.#refusals.tell(NO_ADDRESS)
    else if (this.fd >= 0) this.#refusals.tell(`${text} sent too; a port has one peer at a time`)
    else if (this.config.peer !== undefined && text !== this.config.peer)
      this.#refusals.tell(`${text} sent, and the peer is ${this.config.peer}`)
    else if (this.#meet(sender)) return true
    else this.#refusals.tell(`${text} sent, and cannot be answered`)
    return false
  }

  transmit(): number {
    let written = 0
    for (let calls = 0; calls < MAX_CALLS && this.fd >= 0 && this.output.count > 0; calls++) {
      this.#fill()
      const sent = this.#sending.send(this.fd)
      if (sent >= 0) {
        this.output.pop(sent)
        written += sent
      } else if (-sent === EAGAIN) {
        this.block(this.fd)
        break
      } else if (isOfFrame(-sent)) {
        this.row.countDrops(DROP_HOST_ERROR, 1)
        this.output.pop(1)
      } else if (-sent !== EINTR) this.detach(`the peer takes no more (${errnoName(-sent)})`)
    }
    return written
  }

  /** Puts the oldest records into the batch. */
  #fill(): void {
    const { memory } = this.host
    const address = memoryAddress(memory)
    const count = Math.min(this.output.count, this.#sending.capacity)
    let record = this.output.first()
    this.#sending.clear()
    for (let added = 0; added < count; added++) {
      if (added > 0) record = this.output.next(record)
      this.#sending.add(0, 0, address + record + RECORD_FRAME, frameBytes(memory, record))
    }
  }

  override close(): void {
    this.detach('the port was removed')
    super.close()
    this.#input?.close()
    this.#sending.close()
    if (this.#socket < 0) return
    this.host.unwatch(this.#socket)
    closeFd(this.#socket)
    this.#socket = -1
    unlinkQuietly(this.config.socket)
  }
}
