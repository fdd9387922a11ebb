import type { Duplex, Readable, Writable } from 'node:stream'
import { RingferryError } from '../../errors/errors.js'
import {
  END_OF_OUTPUT,
  LineSplitter,
  POWER_OFF_REQUEST,
  parseAgentLine,
  runRequest,
  signalRequest,
} from './agent-line.js'
import type { BackgroundCommand, CommandOptions, CommandResult } from './spec.js'

const DEFAULT_TIMEOUT_MS = 120_000
/** From SIGTERM to SIGKILL. */
const STOP_GRACE_MS = 2_000
/** After SIGKILL: a guest that has not answered by then is not well. */
const KILL_GRACE_MS = 10_000
const MAX_OUTPUT_BYTES = 16 << 20

/** One stream of one command: whole lines are given out, the text is kept up to a limit. */
class Output {
  readonly #onLine: ((line: string) => void) | undefined
  readonly #parts: string[] = []
  #bytes = 0
  #piece = ''

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine
  }

  add(text: string, more: boolean): void {
    if (this.#piece.length < MAX_OUTPUT_BYTES) this.#piece += text
    if (more) return
    const line = this.#piece
    this.#piece = ''
    if (!line.endsWith(END_OF_OUTPUT)) this.#keep(line, '\n')
    else if (line !== END_OF_OUTPUT) this.#keep(line.slice(0, -END_OF_OUTPUT.length), '')
  }

  #keep(latin1: string, end: string): void {
    const line = Buffer.from(latin1, 'latin1').toString()
    this.#bytes += line.length + 1
    if (this.#bytes <= MAX_OUTPUT_BYTES) this.#parts.push(line + end)
    this.#onLine?.(line)
  }

  text(): string {
    return this.#parts.join('')
  }
}

interface Job {
  readonly command: string
  readonly stdout: Output
  readonly stderr: Output
  readonly resolve: (result: CommandResult) => void
  readonly reject: (error: Error) => void
  timer: NodeJS.Timeout | undefined
}

/** The host's end of a guest's agent: runs shell commands in it, several at once. */
export class Agent {
  readonly #name: string
  readonly #writer: Writable
  readonly #jobs = new Map<number, Job>()
  readonly #splitter = new LineSplitter()
  readonly #onOther: (text: string) => void
  readonly #ready: Promise<void>
  #setReady: () => void = () => {}
  readonly #nudgeMs: number
  #nudge: NodeJS.Timeout | undefined
  #nextId = 1
  #closed = false

  /**
   * @param name the guest's name, for errors
   * @param channel one duplex stream, or what to read from and what to write to
   * @param onOther takes what comes on the channel and is not of the agent
   * @param nudgeMs for a channel that may stall: while commands run, an empty line is sent to the agent whenever nothing
   *   has been heard for so long. Default 0: never.
   */
  constructor(
    name: string,
    channel: Duplex | { readonly readable: Readable; readonly writable: Writable },
    onOther: (text: string) => void = () => {},
    nudgeMs = 0,
  ) {
    this.#name = name
    this.#nudgeMs = nudgeMs
    this.#onOther = onOther
    const split = 'pipe' in channel ? { readable: channel, writable: channel } : channel
    this.#writer = split.writable
    this.#ready = new Promise((resolve) => {
      this.#setReady = resolve
    })
    split.readable.on('data', (chunk: Buffer) => this.#take(chunk))
    // A guest that ends breaks its channel; the process's end is what is acted upon.
    for (const stream of [split.readable, split.writable]) stream.on('error', () => {})
  }

  /** Settles when the agent has said that it reads. */
  get ready(): Promise<void> {
    return this.#ready
  }

  #take(chunk: Buffer): void {
    this.#nudge?.refresh()
    for (const line of this.#splitter.push(chunk)) {
      const parsed = parseAgentLine(line)
      if (!parsed) this.#onOther(`${line}\n`)
      else if (parsed.verb === 'ready') this.#setReady()
      else if (parsed.verb === 'text')
        this.#jobs.get(parsed.id)?.[parsed.stream].add(parsed.text, parsed.more)
      else this.#finish(parsed.id, parsed.code)
    }
  }

  /** Takes a job off the list, if it is on it. */
  #remove(id: number): Job | undefined {
    const job = this.#jobs.get(id)
    this.#jobs.delete(id)
    clearTimeout(job?.timer)
    if (this.#jobs.size > 0) return job
    clearInterval(this.#nudge)
    this.#nudge = undefined
    return job
  }

  #startNudging(): void {
    if (this.#nudgeMs > 0) this.#nudge ??= setInterval(() => this.#write('\n'), this.#nudgeMs).unref()
  }

  #finish(id: number, code: number): void {
    const job = this.#remove(id)
    job?.resolve({ code, stdout: job.stdout.text(), stderr: job.stderr.text() })
  }

  #fail(id: number, reason: string): void {
    const job = this.#remove(id)
    job?.reject(new RingferryError('GUEST', `guest ${this.#name}: "${brief(job.command)}" ${reason}`))
  }

  #write(text: string): void {
    if (!this.#closed) this.#writer.write(text)
  }

  /** Starts a command; see Guest.start. */
  start(command: string, options: CommandOptions = {}): BackgroundCommand {
    const id = this.#nextId++
    const done = new Promise<CommandResult>((resolve, reject) => {
      const stdout = new Output(options.onStdout)
      const stderr = new Output(options.onStderr)
      this.#jobs.set(id, { command, stdout, stderr, resolve, reject, timer: undefined })
    })
    done.catch(() => {})
    this.#startNudging()
    if (this.#closed) this.#fail(id, 'was not started: the guest has ended')
    else this.#write(runRequest(id, command))
    const timeoutMs = options.timeoutMs ?? 0
    if (timeoutMs > 0) this.#expire(id, timeoutMs)
    return { done, stop: () => this.#stop(id, done) }
  }

  #expire(id: number, timeoutMs: number): void {
    const job = this.#jobs.get(id)
    if (!job) return
    job.timer = setTimeout(() => {
      this.#write(signalRequest(id, 'KILL'))
      this.#fail(id, `was killed after ${timeoutMs / 1000} s without end`)
    }, timeoutMs)
  }

  #stop(id: number, done: Promise<CommandResult>): Promise<CommandResult> {
    const job = this.#jobs.get(id)
    if (job) {
      clearTimeout(job.timer)
      this.#write(signalRequest(id, 'TERM'))
      job.timer = setTimeout(() => {
        this.#write(signalRequest(id, 'KILL'))
        job.timer = setTimeout(() => this.#fail(id, 'did not end when killed'), KILL_GRACE_MS)
      }, STOP_GRACE_MS)
    }
    return done
  }

  /** Runs a command to its end; see Guest.run. */
  run(command: string, options: CommandOptions = {}): Promise<CommandResult> {
    return this.start(command, { timeoutMs: DEFAULT_TIMEOUT_MS, ...options }).done
  }

  /** Asks the guest to power off. */
  powerOff(): void {
    this.#write(POWER_OFF_REQUEST)
  }

  /** The guest has ended: everything that runs is rejected with this reason. */
  close(reason: string): void {
    this.#closed = true
    for (const id of [...this.#jobs.keys()]) this.#fail(id, reason)
  }
}

function brief(command: string): string {
  const line = command.replace(/\s+/g, ' ').trim()
  return line.length > 80 ? `${line.slice(0, 77)}...` : line
}
