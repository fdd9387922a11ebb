/**
 * Keeps the processors awake for a bed, whatever its switch: a thread of the idle class spins on each processor on which
 * this process may run, without pause. Anybody else who wants a processor has it. What the threads burn is told, so that
 * it can be told apart from what switch, guests and host use.
 *
 * They are in a process and session of their own (awake-process.ts). Guests have sessions of their own, too, and the
 * kernel compares the classes of threads within a session alone: in the lab's own they took a tenth of two busy processors
 * from others, with a group of the least weight 0.4 %.
 *
 * Ringferry's own way (`switch.awake`) spins while traffic flows and a wake-up is worth it; this asks for neither.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { RingferryError } from '../../errors/errors.js'
import { builtFile } from '../../sys/built-file.js'
import { onExit, settles, spawnChild } from '../guest/child.js'
import { processStat } from '../guest/processes.js'

const END_MS = 5_000

class AwakeProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #forget: () => void
  #seconds = 0

  constructor() {
    this.#child = spawnChild(process.execPath, [builtFile('lab/bed/awake-process.js')], {
      stdio: ['pipe', 'pipe', 'ignore'],
      deathSignal: 'KILL',
    })
    this.#child.on('error', () => {})
    this.#child.stdin?.on('error', () => {})
    this.#ended = once(this.#child, 'exit').catch(() => {})
    this.#forget = onExit(() => this.#child.kill('SIGKILL'))
  }

  /** The processors that it keeps awake, once it does. Throws UNSUPPORTED. */
  async cpus(): Promise<readonly number[]> {
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    // It repeats the errors of its input, and nobody waits for lines after the first.
    lines.on('error', () => {})
    const first = await Promise.race([once(lines, 'line'), this.#ended])
    const line = String((first as unknown[])?.[0] ?? '')
    if (line.startsWith('on ')) return line.slice(3).split(' ').map(Number)
    const reason = line.startsWith('failed ') ? line.slice(7) : 'the process that does it ended'
    throw new RingferryError('UNSUPPORTED', `bed: the processors cannot be kept awake: ${reason}`)
  }

  /** Processor seconds so far, all threads. */
  seconds(): number {
    const { pid } = this.#child
    this.#seconds = Math.max(this.#seconds, (pid && processStat(pid)?.cpuSeconds) || 0)
    return this.#seconds
  }

  async end(): Promise<void> {
    this.seconds()
    this.#forget()
    this.#child.kill('SIGKILL')
    await settles(this.#ended, END_MS)
  }
}

export class BedAwake {
  #process: AwakeProcess | undefined
  /** Of processes that have ended, in seconds. */
  #burntBeforeS = 0
  #cpus: readonly number[] = []

  /** The processors that are kept awake now. */
  get cpus(): readonly number[] {
    return this.#cpus
  }

  /** Keeps them awake from now on, or lets them sleep. Throws UNSUPPORTED where this machine has no such threads. */
  async keep(isWanted: boolean): Promise<void> {
    if (isWanted === (this.#process !== undefined)) return
    if (!isWanted) {
      await this.#end()
      return
    }
    this.#process = new AwakeProcess()
    try {
      this.#cpus = await this.#process.cpus()
    } catch (error) {
      await this.#end()
      throw error
    }
  }

  async #end(): Promise<void> {
    const ending = this.#process
    await ending?.end()
    this.#burntBeforeS += ending?.seconds() ?? 0
    this.#process = undefined
    this.#cpus = []
  }

  /** Processor seconds that keeping awake has used so far. */
  burntS(): number {
    return this.#burntBeforeS + (this.#process?.seconds() ?? 0)
  }
}
