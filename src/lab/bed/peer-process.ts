/** Processes of switches of other makes. They end with this process, and say when they end before their time. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { RingferryError } from '../../errors/errors.js'
import { onExit, settles, spawnChild } from '../guest/child.js'
import { processStat } from '../guest/processes.js'
import { findInstalled } from '../guest/tools.js'
import type { FabricContext } from './fabric.js'

const START_MS = 30_000
const END_MS = 5_000
const KEPT_CHARACTERS = 8192

/** The path of a program of a peer. Throws NOT_FOUND with the Debian package to install. */
export function peerProgram(name: string, debianPackage: string): string {
  const path = findInstalled(name)
  if (path) return path
  throw new RingferryError('NOT_FOUND', `${name} is not installed; run "apt-get install ${debianPackage}"`)
}

export class PeerProcess {
  readonly #child: ChildProcess
  readonly #name: string
  #output = ''
  #lastSeconds = 0
  #ended = false

  /** Starts it; it is stopped when the bed is undone. @param input it ends with its standard input: keep it open */
  constructor(
    path: string,
    args: readonly string[],
    context: FabricContext,
    environment: NodeJS.ProcessEnv = {},
  ) {
    this.#name = path.slice(path.lastIndexOf('/') + 1)
    this.#child = spawnChild(path, args, {
      environment: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      deathSignal: 'KILL',
    })
    const child = this.#child
    child.stdin?.on('error', () => {})
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk).slice(-KEPT_CHARACTERS)
      })
    let stopping = false
    const ended = new Promise<void>((resolve) => {
      const end = (how: string): void => {
        this.#ended = true
        if (!stopping)
          context.fail(
            new RingferryError(
              'GUEST',
              `the switch's ${this.#name} ended by itself (${how}): ${this.lastWords}`,
            ),
          )
        resolve()
      }
      child.once('error', (error) => end(error.message))
      child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    })
    const forget = onExit(() => child.kill('SIGKILL'))
    context.undo.add(async () => {
      stopping = true
      forget()
      if (this.#ended) return
      child.kill('SIGTERM')
      if (await settles(ended, END_MS)) return
      child.kill('SIGKILL')
      await settles(ended, END_MS)
    })
  }

  /** The end of what it printed, in one line. */
  get lastWords(): string {
    return this.#output.trim().split('\n').slice(-3).join(' | ')
  }

  get output(): string {
    return this.#output
  }

  /** Processor seconds so far, all its threads; as last read when it has ended. */
  seconds(): number {
    const now = this.#child.pid === undefined ? 0 : (processStat(this.#child.pid)?.cpuSeconds ?? 0)
    this.#lastSeconds = Math.max(this.#lastSeconds, now)
    return this.#lastSeconds
  }

  /** Waits for a sign of life. Throws GUEST when it does not come, or when the process ends. */
  async until(isThere: () => boolean, what: string): Promise<void> {
    const limit = performance.now() + START_MS
    while (!isThere()) {
      if (this.#ended || performance.now() > limit)
        throw new RingferryError('GUEST', `${this.#name}: ${what} did not come: ${this.lastWords}`)
      await sleep(30)
    }
  }
}
