/**
 * Survives memory that goes away. A guest's memory is a file that its frontend owns: when the file is cut short, or
 * its file system has no room for a page, the next access raises SIGBUS. The handler maps zero pages in place of
 * what is gone, marks them and counts; whoever was at work goes on, reads zeros, and finds the marks afterwards.
 * Accesses outside of guarded memories fall to the handler before us: by default the process ends, as it should.
 */
import { faultHandlerCode, TABLE_ENTRY_BYTES } from './fault-handler-code.js'
import { addressOf } from './libc.js'
import { NativeBuffer, PAGE_BYTES } from './native-buffer.js'
import { currentAction, installHandler, SIGBUS } from './signal-handler.js'

/** Guarded memories of one thread at a time; the one after the last ends the table. */
const MAX_GUARDS = PAGE_BYTES / TABLE_ENTRY_BYTES - 1
const ENTRY_SIZE = 8
const ENTRY_PAGE_MARKS = 16
const ENTRY_GRANULE_MARKS = 24
const ENTRY_COUNTER = 32
/** Address of an entry that guards nothing, while others follow it. */
const VACANT = 1

let table: NativeBuffer | undefined

/** The table of this thread's handler, which is installed at the first call. */
function guards(): NativeBuffer {
  if (table) return table
  const made = new NativeBuffer(PAGE_BYTES)
  const code = faultHandlerCode(process.arch, made.address, currentAction(SIGBUS))
  if (code) installHandler(SIGBUS, code)
  table = made
  return made
}

/** Whether guest memory that goes away is survived on this processor. */
export function canSurviveFaults(): boolean {
  return faultHandlerCode(process.arch, 0, 0) !== undefined
}

/** Guards one memory. To be closed before the memory is given back. */
export class FaultGuard {
  /** Pages replaced so far, as a view: read it at any time, without a call. */
  readonly counter: Uint32Array
  readonly #marks: NativeBuffer
  readonly #entry: number
  /** What the handler reads; held so that it stays. */
  readonly granules: Uint8Array

  /**
   * @param memory the memory, a whole number of 2 MB granules
   * @param granules a byte for each granule: not 0 when it is replaced as a whole, because one guest has all of it.
   *   Its memory must not move: over an ArrayBuffer of its own.
   */
  constructor(memory: Uint8Array, granules: Uint8Array) {
    const { data } = guards()
    let entry = 0
    while (data.getBigUint64(entry, true) > VACANT) entry += TABLE_ENTRY_BYTES
    if (entry >= MAX_GUARDS * TABLE_ENTRY_BYTES) throw new Error(`more than ${MAX_GUARDS} guarded memories`)
    this.#entry = entry
    this.granules = granules
    this.#marks = new NativeBuffer(PAGE_BYTES + memory.length / PAGE_BYTES)
    this.counter = new Uint32Array(this.#marks.bytes.buffer, 0, 1)
    const set = (field: number, value: number): void => data.setBigUint64(entry + field, BigInt(value), true)
    set(ENTRY_PAGE_MARKS, this.#marks.address + PAGE_BYTES)
    set(ENTRY_GRANULE_MARKS, addressOf(granules))
    set(ENTRY_COUNTER, this.#marks.address)
    set(ENTRY_SIZE, memory.length)
    set(0, addressOf(memory))
  }

  /** Offsets of the pages that were replaced since the last call, in order. */
  take(): number[] {
    const marks = this.#marks.bytes
    const offsets: number[] = []
    for (let at = marks.indexOf(1, PAGE_BYTES); at >= 0; at = marks.indexOf(1, at + 1)) {
      marks[at] = 0
      offsets.push((at - PAGE_BYTES) * PAGE_BYTES)
    }
    return offsets
  }

  /** Ends the guard. */
  close(): void {
    const { data } = guards()
    data.setBigUint64(this.#entry + ENTRY_SIZE, 0n, true)
    data.setBigUint64(this.#entry, BigInt(VACANT), true)
    this.#marks.free()
  }
}
