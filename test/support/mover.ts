/** A guest that is about to move, as its VMM sees it: what it copied of memory, and which pages were marked since. */
import { expect } from 'vitest'
import { FrontendLog } from '../../src/driver/frontend-log.js'
import type { Engine } from '../../src/engine/engine.js'
import { PAGE_BYTES } from '../../src/sys/native-buffer.js'
import { type StartOptions, start, type TestGuest } from '../model/guest.js'

const MB = 2 ** 20
/** Two regions, so that pages beyond 4 GB are marked too. What is used lies at their start. */
const LOW_BYTES = 256 * 1024
const HIGH = 2 ** 32 + 2 * MB - 64 * 1024
/** What is compared: the low region and the start of the high one. */
const WATCHED_BYTES = 3 * MB

const movers: Mover[] = []

export class Mover {
  readonly guest: TestGuest
  readonly log: FrontendLog
  #before = Buffer.alloc(0)
  readonly #marked = new Set<number>()

  /** Attaches it; nothing is logged yet. */
  constructor(engine: Engine, name: string, options: StartOptions = {}, highBytes = 4 * MB) {
    const memory = [
      { guestAddress: 0, sizeBytes: LOW_BYTES },
      { guestAddress: HIGH, sizeBytes: highBytes },
    ]
    this.guest = start(engine, name, { memory, ringSize: 64, ...options })
    this.log = new FrontendLog(HIGH + highBytes)
    movers.push(this)
  }

  /** The VMM has all writes logged. */
  begin(): this {
    expect(this.guest.frontend.setLogBase(this.log, this.log.fd)).toBe(true)
    expect(this.guest.frontend.logAll(true)).toBe(true)
    this.copy()
    return this
  }

  get #watched(): Uint8Array {
    return this.guest.memory.u8.subarray(0, WATCHED_BYTES)
  }

  /** The VMM copies all pages; what was marked before is done with. */
  copy(): void {
    this.log.take()
    this.#marked.clear()
    this.#before = Buffer.from(this.#watched)
  }

  /** Pages that were marked since copy(), as guest addresses. */
  marked(): number[] {
    for (const page of this.log.take()) this.#marked.add(page)
    return [...this.#marked].map((page) => page * PAGE_BYTES).sort((a, b) => a - b)
  }

  /** Pages that differ from the copy, as guest addresses. */
  changed(): number[] {
    const now = this.#watched
    const pages: number[] = []
    for (let at = 0; at < now.length; at += PAGE_BYTES)
      if (this.#before.compare(now, at, at + PAGE_BYTES, at, at + PAGE_BYTES) !== 0)
        pages.push(at < LOW_BYTES ? at : HIGH + at - LOW_BYTES)
    return pages
  }

  /** Pages that the VMM would not copy again although they differ. */
  missed(): number[] {
    const marked = new Set(this.marked())
    return this.changed().filter((page) => !marked.has(page))
  }
}

/** The page of a guest address. */
export function pageOf(guestAddress: number): number {
  return guestAddress - (guestAddress % PAGE_BYTES)
}

/** Gives the logs back: call it in afterEach, behind stopGuests(). */
export function closeLogs(): void {
  for (const { log } of movers.splice(0)) log.close()
}
