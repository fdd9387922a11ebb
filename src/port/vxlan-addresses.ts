/**
 * Behind which peer of a tunnel each MAC address was heard last: an associative table of fixed size.
 *
 *   bucket = keyed hash of the address  ->  | 8 places: address, peer, when heard |
 *
 * It never grows: an address whose bucket is full of living ones is not learned, and frames to it go to all peers.
 */

const WAYS = 8
/** Places for each address that may be learned: a bucket is full before the table is. */
const ROOM = 2
const FREE = -1

/** What hearing an address changed. */
export type Heard = 'known' | 'new' | 'moved' | 'full'

export class PeerAddresses {
  readonly #high: Uint16Array
  readonly #low: Uint32Array
  readonly #peer: Int16Array
  readonly #seenS: Uint32Array
  readonly #buckets: number
  readonly #key: number

  /** @param limit addresses that it should hold; @param key of the hash, secret to those who choose addresses */
  constructor(limit: number, key: number) {
    this.#buckets = 2 ** Math.ceil(Math.log2(Math.max(1, (limit * ROOM) / WAYS)))
    const places = this.#buckets * WAYS
    this.#high = new Uint16Array(places)
    this.#low = new Uint32Array(places)
    this.#peer = new Int16Array(places).fill(FREE)
    this.#seenS = new Uint32Array(places)
    this.#key = key
  }

  #bucket(high: number, low: number): number {
    let hash = Math.imul(low ^ this.#key, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13) ^ high, 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) & (this.#buckets - 1)) * WAYS
  }

  /** The place of an address, or -1. */
  #find(high: number, low: number): number {
    const first = this.#bucket(high, low)
    for (let place = first; place < first + WAYS; place++)
      if (this.#low[place] === low && this.#high[place] === high && this.#peer[place] !== FREE) return place
    return -1
  }

  /**
   * The peer behind which an address is, or -1. @param high first two bytes of the address; @param low the others
   * @param oldestS when it must have been heard, in seconds on the same clock as `nowS` below
   */
  lookUp(high: number, low: number, oldestS: number): number {
    const place = this.#find(high, low)
    return place < 0 || (this.#seenS[place] as number) < oldestS ? -1 : (this.#peer[place] as number)
  }

  /** An address is heard behind a peer. */
  hear(high: number, low: number, peer: number, nowS: number, oldestS: number): Heard {
    const known = this.#find(high, low)
    if (known >= 0) {
      const moved = this.#peer[known] !== peer && (this.#seenS[known] as number) >= oldestS
      this.#peer[known] = peer
      this.#seenS[known] = nowS
      return moved ? 'moved' : 'known'
    }
    const first = this.#bucket(high, low)
    for (let place = first; place < first + WAYS; place++) {
      if (this.#peer[place] !== FREE && (this.#seenS[place] as number) >= oldestS) continue
      this.#high[place] = high
      this.#low[place] = low
      this.#peer[place] = peer
      this.#seenS[place] = nowS
      return 'new'
    }
    return 'full'
  }

  /** Forgets what was heard behind a peer. */
  forget(peer: number): void {
    for (let place = 0; place < this.#peer.length; place++)
      if (this.#peer[place] === peer) this.#peer[place] = FREE
  }
}
