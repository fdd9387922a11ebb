/**
 * What threads did, unit by unit, as a file: JSON lines, or the trace format of Chrome, which Perfetto opens.
 * Source: "Trace Event Format", Google, complete events (ph X) and metadata (ph M); times in microseconds.
 */
import type { Tracer } from '../sim/processors.js'
import { writeWhole } from '../sys/output-file.js'

/** A viewer does not open more. */
const MOST_UNITS = 1_000_000

interface Unit {
  readonly thread: string
  readonly processor: number
  readonly atNs: number
  readonly tookNs: number
}

/** Collects units, the first ones of a run. */
export class UnitTrace implements Tracer {
  readonly units: Unit[] = []
  /** Units beyond those that are kept. */
  left = 0

  unit(thread: string, processor: number, fromNs: number, toNs: number): void {
    if (this.units.length < MOST_UNITS)
      this.units.push({ thread, processor, atNs: fromNs, tookNs: toNs - fromNs })
    else this.left++
  }

  /** As JSON lines. */
  lines(): string {
    return this.units.map((unit) => `${JSON.stringify(unit)}\n`).join('')
  }

  /** For Perfetto and chrome://tracing: a row a processor. */
  chrome(): string {
    const processors = [...new Set(this.units.map(({ processor }) => processor))].sort((a, b) => a - b)
    const names = processors.map((tid) => ({
      ph: 'M',
      name: 'thread_name',
      pid: 1,
      tid,
      args: { name: `processor ${tid}` },
    }))
    const units = this.units.map(({ thread, processor, atNs, tookNs }) => ({
      ...{ ph: 'X', name: thread, pid: 1, tid: processor, ts: atNs / 1000, dur: tookNs / 1000 },
    }))
    return JSON.stringify({ traceEvents: [...names, ...units], displayTimeUnit: 'ns' })
  }

  /** Writes `lines` to a name that ends in .jsonl, else `chrome`. Throws PERMISSION, USAGE, SYSCALL. */
  write(file: string): void {
    writeWhole(file, file.endsWith('.jsonl') ? this.lines() : this.chrome())
  }
}
