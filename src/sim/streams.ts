/**
 * Named streams of random numbers. A stream's name and the seed of the run decide its numbers, and nothing else does: a
 * source that is added, or one that draws more, does not change what the others draw. Two models that are run with the same
 * seed meet the same arrivals (common random numbers), so that what differs between them is theirs.
 *
 * Generator: xoshiro128** by Blackman and Vigna (public domain), 2^128 - 1 numbers; seeded from a hash of seed and name
 * (FNV-1a, then the finaliser of MurmurHash3).
 */

/** 32 bits in which every bit of the input counts. Source: MurmurHash3, fmix32 (public domain). */
function mix(bits: number): number {
  let hash = bits
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Source: FNV-1a, Fowler, Noll, Vo (public domain). */
function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash
}

const rotate = (bits: number, by: number): number => (bits << by) | (bits >>> (32 - by))

/** One stream. Draws allocate nothing. */
export class Stream {
  #a: number
  #b: number
  #c: number
  #d: number
  readonly #seed: number
  readonly #name: string

  constructor(seed: number, name: string) {
    this.#seed = seed
    this.#name = name
    const hash = hashName(name)
    const high = Math.floor(seed / 2 ** 32) | 0
    const word = (at: number): number =>
      mix(mix(mix(hash + at) ^ (seed | 0)) + Math.imul(high + at, 0x9e3779b9))
    this.#a = word(1)
    this.#b = word(2)
    this.#c = word(3)
    this.#d = word(4) | 1
  }

  /** A stream of its own, by its name below this one. */
  split(name: string): Stream {
    return new Stream(this.#seed, `${this.#name}/${name}`)
  }

  /** Uniform in (0, 1): never 0, so that its logarithm is finite. */
  uniform(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return ((result >>> 0) + 0.5) / 4294967296
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(this.uniform())
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count)
  }
}

/** All streams of one run. */
export class Streams {
  readonly #seed: number

  /** @param seed a whole number from 0 to 2^53 - 1 */
  constructor(seed: number) {
    this.#seed = seed
  }

  stream(name: string): Stream {
    return new Stream(this.#seed, name)
  }
}
