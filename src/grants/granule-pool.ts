import { GRANULE_BYTES } from '../core/layout.js'
import type { LinearMemory } from '../core/linear-memory.js'
import { mapZero } from '../sys/memory-map.js'
import { memoryAddress } from './memory-address.js'

/** Slots that the pool does not give back: enough for one frame from guest to guest. */
const MIN_SLOTS = 4
/** Granules given out between two times that all marks of use are wiped, so that a silent guest loses its slots. */
const AGE_AFTER = 2048

/** Whoever holds granules of the pool: the grants of one guest. */
export interface GranuleOwner {
  /** Whether the plane used the granule since its mark was last wiped. */
  isTouched(granule: number): boolean
  /** The same, and wipes the mark. */
  takeTouched(granule: number): boolean
  /** The granule's slot is needed for another: forget it. */
  evicted(granule: number): void
}

interface Slot {
  readonly at: number
  owner: GranuleOwner | undefined
  granule: number
}

/**
 * The slots of linear memory that guests share who are too large to be mapped whole. A slot is given to
 * the granule that misses; when all are taken, one whose granule was not used lately is taken away
 * (clock, second chance). A guest that keeps within its share of the slots loses only granules that it
 * does not use, so that a guest that touches much cannot starve the others. Only the engine calls this,
 * between bursts.
 */
export class GranulePool {
  readonly #memory: LinearMemory
  readonly #address: number
  readonly #slots: Slot[] = []
  readonly #held = new Map<GranuleOwner, number>()
  #hand = 0
  #sinceAged = 0
  /** Slots of guests that have gone. */
  #ownerless = 0
  /** Granules taken away so far. */
  evictions = 0

  constructor(memory: LinearMemory) {
    this.#memory = memory
    this.#address = memoryAddress(memory)
    memory.reclaim = () => this.#shrink()
  }

  /** A slot for a granule: its offset in linear memory, or 0 when there is not one slot in all. */
  acquire(owner: GranuleOwner, granule: number): number {
    if (++this.#sinceAged >= AGE_AFTER) this.#age()
    let slot = this.#grow()
    if (!slot) {
      slot = this.#evict(owner)
      if (!slot) return 0
      if (!slot.owner) this.#ownerless--
    }
    slot.owner = owner
    slot.granule = granule
    this.#held.set(owner, this.#holds(owner) + 1)
    return slot.at
  }

  #holds(owner: GranuleOwner): number {
    return this.#held.get(owner) ?? 0
  }

  #age(): void {
    this.#sinceAged = 0
    for (const slot of this.#slots) slot.owner?.takeTouched(slot.granule)
  }

  #grow(): Slot | undefined {
    const at = this.#memory.allocateGranules(1)
    if (at === 0) return undefined
    const slot: Slot = { at, owner: undefined, granule: 0 }
    this.#slots.push(slot)
    return slot
  }

  /** @param requester whom the slot is for; undefined: nobody is spared */
  #evict(requester: GranuleOwner | undefined): Slot | undefined {
    const owners = this.#held.size + (requester && !this.#held.has(requester) ? 1 : 0)
    const share = this.#slots.length / Math.max(1, owners)
    for (let turns = this.#slots.length * 2; turns > 0; turns--) {
      const slot = this.#slots[this.#hand] as Slot
      this.#hand = (this.#hand + 1) % this.#slots.length
      const { owner, granule } = slot
      if (!owner) return slot
      const isSpared = requester && owner !== requester && this.#holds(owner) <= share
      if (isSpared ? owner.isTouched(granule) : owner.takeTouched(granule)) continue
      owner.evicted(granule)
      this.#held.set(owner, this.#holds(owner) - 1)
      this.evictions++
      return slot
    }
    return undefined
  }

  /** Gives one slot back to the heap: tables and rings of a new guest go before granules of others. */
  #shrink(): boolean {
    const slot = this.#slots.length > MIN_SLOTS ? this.#evict(undefined) : undefined
    if (slot) this.#free(this.#slots.indexOf(slot))
    return slot !== undefined
  }

  #free(index: number): void {
    const [slot] = this.#slots.splice(index, 1) as [Slot]
    if (!slot.owner) this.#ownerless--
    mapZero(this.#address + slot.at, GRANULE_BYTES)
    this.#memory.free(slot.at)
    this.#hand = 0
  }

  /** Who holds the granule at an offset of the linear memory. */
  ownerAt(offset: number): GranuleOwner | undefined {
    return this.#slots.find(({ at }) => offset >= at && offset < at + GRANULE_BYTES)?.owner
  }

  /** Takes all slots from a guest that goes; sweep() gives them back to the heap, unless others use them first. */
  release(owner: GranuleOwner): void {
    this.#held.delete(owner)
    for (const slot of this.#slots) {
      if (slot.owner !== owner) continue
      slot.owner = undefined
      this.#ownerless++
    }
  }

  /** Gives one slot that nobody has back to the heap. Returns whether there was one. */
  sweep(): boolean {
    if (this.#ownerless === 0) return false
    this.#free(this.#slots.findIndex((slot) => slot.owner === undefined))
    return true
  }
}
