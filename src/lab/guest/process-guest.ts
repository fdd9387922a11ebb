import type { ChildProcess } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { RingferryError } from '../../errors/errors.js'
import type { Agent } from './agent.js'
import { getFileBy, putFileBy } from './agent-files.js'
import { onExit, removeWorkFolder, settles, watchSession } from './child.js'
import { killAll, type ProcessStat, totalCpuSeconds } from './processes.js'
import type { BackgroundCommand, CommandOptions, CommandResult, Guest, GuestKind } from './spec.js'

/** From the request to power off to SIGKILL. */
const POWER_OFF_MS = 8_000
const KILL_MS = 5_000
const KILL_POLL_MS = 20
const MAX_LOG_BYTES = 256 << 10

/** The end of what a guest printed, kept for error messages. */
export class GuestLog {
  #text = ''

  append(chunk: string): void {
    this.#text = (this.#text + chunk).slice(-MAX_LOG_BYTES)
  }

  tail(lines: number): string {
    return this.#text.replaceAll('\r', '').trimEnd().split('\n').slice(-lines).join('\n')
  }
}

export interface ProcessGuestParts {
  readonly name: string
  readonly kind: GuestKind
  readonly child: ChildProcess
  readonly agent: Agent
  readonly log: GuestLog
  readonly workFolder: string
  /** The guest's processes on the host as of now. */
  readonly processes: () => ProcessStat[]
  /** The program, for errors: "linux.uml". */
  readonly program: string
  /** Called once before the guest is asked to power off. */
  readonly beforeStop?: () => Promise<void>
}

const guests = new Set<ProcessGuest>()

/** Stops all guests of this process; for Ctrl-C. Never rejects. */
export async function cleanUp(): Promise<void> {
  await Promise.allSettled([...guests].map((guest) => guest.stop()))
}

/** A guest that is a process of this host with an agent inside. */
export class ProcessGuest implements Guest {
  readonly name: string
  readonly kind: GuestKind
  readonly pid: number
  readonly ended: Promise<void>
  interfaces: readonly string[] = []
  readonly #parts: ProcessGuestParts
  readonly #forget: () => void
  #alive = true
  #stopping: Promise<void> | undefined
  #lastCpuSeconds = 0
  #end = ''

  constructor(parts: ProcessGuestParts) {
    this.#parts = parts
    this.name = parts.name
    this.kind = parts.kind
    this.pid = parts.child.pid ?? 0
    this.#forget = onExit(() => this.#kill())
    guests.add(this)
    if (this.pid > 0) watchSession(parts.workFolder, this.pid)
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        if (!this.#alive) return
        this.#alive = false
        this.#end = reason
        parts.agent.close(`was cut off: ${reason}`)
        resolve()
      }
      parts.child.once('error', (error) => end(`${parts.program} could not be started: ${error.message}`))
      // Not 'close': helpers of a killed guest may hold its pipes for a while.
      parts.child.once('exit', (code, signal) =>
        end(`${parts.program} ended (${signal ?? `exit code ${code}`})`),
      )
    })
  }

  get alive(): boolean {
    return this.#alive
  }

  lastWords(lines = 5): string {
    return this.#parts.log.tail(lines)
  }

  /** Waits for the agent. On failure the guest is stopped and the error quotes its last words. */
  async boot(timeoutMs: number): Promise<void> {
    const { agent, program } = this.#parts
    const inTime = await settles(Promise.race([agent.ready, this.ended]), timeoutMs)
    if (inTime && this.#alive) return
    const reason = inTime ? this.#end : `${program} did not come up within ${timeoutMs / 1000} s`
    const words = this.lastWords().replaceAll('\n', ' | ')
    await this.stop()
    throw new RingferryError(
      'GUEST',
      `guest ${this.name}: ${reason}${words ? `; its last words: ${words}` : ''}`,
    )
  }

  run(command: string, options?: CommandOptions): Promise<CommandResult> {
    return this.#parts.agent.run(command, options)
  }

  start(command: string, options?: CommandOptions): BackgroundCommand {
    return this.#parts.agent.start(command, options)
  }

  /** Runs a command that is part of setting the guest up; throws GUEST when it fails. */
  async must(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(command)
    if (code === 0) return stdout
    const words = (stderr || stdout).trim().replaceAll('\n', ' | ')
    throw new RingferryError('GUEST', `guest ${this.name}: "${command}" failed (exit code ${code}): ${words}`)
  }

  cpuSeconds(): number {
    const live = this.#alive ? totalCpuSeconds(this.#parts.processes()) : 0
    this.#lastCpuSeconds = Math.max(this.#lastCpuSeconds, live)
    return this.#lastCpuSeconds
  }

  putFile(path: string, content: Uint8Array): Promise<void> {
    return putFileBy((command) => this.must(command), path, content)
  }

  getFile(path: string): Promise<Buffer> {
    return getFileBy((command) => this.must(command), path)
  }

  #kill(): void {
    killAll(this.#parts.processes().filter((stat) => stat.state !== 'Z'))
  }

  /** Until none is seen any more: a killed process that frees its memory is still there for a while. */
  async #killRest(): Promise<void> {
    for (let waitedMs = 0; waitedMs < KILL_MS; waitedMs += KILL_POLL_MS) {
      const rest = this.#parts.processes().filter((stat) => stat.state !== 'Z')
      if (rest.length === 0) return
      killAll(rest)
      await setTimeout(KILL_POLL_MS)
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { agent, beforeStop, workFolder } = this.#parts
    this.cpuSeconds()
    if (this.#alive) {
      await beforeStop?.().catch(() => {})
      agent.powerOff()
      await settles(this.ended, POWER_OFF_MS)
    }
    // Also after an orderly end: helpers of User-Mode Linux may be left.
    this.#kill()
    if (this.pid > 0) await settles(this.ended, KILL_MS)
    await this.#killRest()
    this.#forget()
    guests.delete(this)
    removeWorkFolder(workFolder)
  }
}
