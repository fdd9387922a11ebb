import type { ReceiveBatch } from '../sys/message-batch.js'
import { NativeBuffer } from '../sys/native-buffer.js'
import { addressText, addressWords, SOCKET_ADDRESS_BYTES, socketAddress } from '../sys/udp-address.js'
import { MAX_STATIC_PEERS } from './vxlan-settings.js'

/** Peers that were not configured and are answered nevertheless (`anyPeer`): as many, no more. */
const MAX_FOUND_PEERS = 192
const MAX_PEERS = MAX_STATIC_PEERS + MAX_FOUND_PEERS
const ADDRESS_WORDS = SOCKET_ADDRESS_BYTES / 4

/** The tunnel end points that a port talks to, by number; a number stays while its peer is known. */
export class VxlanPeers {
  readonly #memory = new NativeBuffer(MAX_PEERS * SOCKET_ADDRESS_BYTES)
  readonly #words = new Uint32Array(this.#memory.bytes.buffer)
  readonly #isKnown = new Uint8Array(MAX_PEERS)
  readonly #isStatic = new Uint8Array(MAX_PEERS)
  readonly #udpPort: number
  readonly #isV4: boolean
  readonly #first: number
  readonly #count: number
  /** Peers that get flooded frames. */
  #flooded: number[] = []
  #last = 0
  #bound = 0

  /** @param udpPort on which every peer listens */
  constructor(udpPort: number, isV4: boolean) {
    this.#udpPort = udpPort
    this.#isV4 = isV4
    const { first, count } = addressWords(isV4)
    this.#first = first
    this.#count = count
  }

  get flooded(): readonly number[] {
    return this.#flooded
  }

  /** Bytes of a peer's socket address, and where it lies. */
  get nameBytes(): number {
    return this.#isV4 ? 16 : 28
  }

  name(peer: number): number {
    return this.#memory.address + peer * SOCKET_ADDRESS_BYTES
  }

  text(peer: number): string {
    const { first, count } = addressWords(this.#isV4)
    const at = peer * SOCKET_ADDRESS_BYTES + first * 4
    return addressText(this.#memory.bytes.slice(at, at + count * 4))
  }

  /**
   * Sets which peers there are by configuration. Returns the numbers of those that are no more.
   * @param keepsOthers whether peers that are configured no more may stay as found ones
   */
  configure(addresses: readonly Uint8Array[], keepsOthers: boolean): number[] {
    const wanted = addresses.map((address) => this.#lookFor(address))
    const gone: number[] = []
    for (let peer = 0; peer < this.#bound; peer++) {
      this.#isStatic[peer] = 0
      if (this.#isKnown[peer] === 0 || keepsOthers || wanted.includes(peer)) continue
      this.#isKnown[peer] = 0
      gone.push(peer)
    }
    this.#flooded = wanted.map((peer, index) =>
      peer >= 0 ? peer : this.#add(addresses[index] as Uint8Array, true),
    )
    for (const peer of this.#flooded) this.#isStatic[peer] = 1
    return gone
  }

  #lookFor(address: Uint8Array): number {
    const name = socketAddress(address, this.#udpPort)
    for (let peer = 0; peer < this.#bound; peer++) {
      const at = peer * SOCKET_ADDRESS_BYTES
      if (this.#isKnown[peer] === 1 && name.every((byte, each) => this.#memory.bytes[at + each] === byte))
        return peer
    }
    return -1
  }

  /** Puts a peer into a free place. Returns its number, or -1 without one. */
  #add(address: Uint8Array, isStatic: boolean): number {
    if (!isStatic && this.#found() >= MAX_FOUND_PEERS) return -1
    for (let peer = 0; peer < MAX_PEERS; peer++) {
      if (this.#isKnown[peer] === 1) continue
      this.#isKnown[peer] = 1
      this.#memory.bytes.set(socketAddress(address, this.#udpPort), peer * SOCKET_ADDRESS_BYTES)
      this.#bound = Math.max(this.#bound, peer + 1)
      return peer
    }
    return -1
  }

  #found(): number {
    let found = 0
    for (let peer = 0; peer < this.#bound; peer++)
      if (this.#isKnown[peer] === 1 && this.#isStatic[peer] === 0) found++
    return found
  }

  #is(peer: number, batch: ReceiveBatch, slot: number): boolean {
    if (this.#isKnown[peer] === 0) return false
    for (let word = this.#first; word < this.#first + this.#count; word++)
      if (this.#words[peer * ADDRESS_WORDS + word] !== batch.name(slot, word)) return false
    return true
  }

  /** Who sent the datagram in a slot, by its address alone: source ports differ by flow. -1: nobody known. */
  sender(batch: ReceiveBatch, slot: number): number {
    if (this.#is(this.#last, batch, slot)) return this.#last
    for (let peer = 0; peer < this.#bound; peer++)
      if (this.#is(peer, batch, slot)) {
        this.#last = peer
        return peer
      }
    return -1
  }

  /** Makes a peer of the sender of the datagram in a slot. Returns its number, or -1 when there are too many. */
  addSender(batch: ReceiveBatch, slot: number): number {
    const address = new Uint8Array(this.#count * 4)
    const data = new DataView(address.buffer)
    for (let word = 0; word < this.#count; word++)
      data.setUint32(word * 4, batch.name(slot, this.#first + word), true)
    return this.#add(address, false)
  }

  close(): void {
    this.#memory.free()
  }
}
