/**
 * Two guests that exchange numbered frames on two ports of a switch while a third is attacked: what a fault of one port
 * does to its neighbours. Switch and pair are processes of their own, so a crash is a crash and an attack that keeps the
 * test's thread busy holds up neither.
 *
 *   const site = await BesideHealthyPair.start(['evil'])
 *   ... attack site.path('evil'), wait with site.told('evil', 'detached', /reason/) ...
 *   expect(await site.end()).toEqual(UNHARMED)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SwitchProcess, type SwitchProcessOptions } from './switch-process.js'

const PROGRAM = fileURLToPath(new URL('./healthy-pair-process.mjs', import.meta.url))

/** What the pair has seen; `late` describes frames that took longer than 100 ms, stalls of the machine left out. */
export interface PairReport {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly corrupt: number
  readonly late: readonly string[]
  readonly worstMs: number
  /** Why the pair ended early, or empty. */
  readonly failure: string
}

/** The pair alone, on two ports of a switch that runs. */
export class HealthyPair {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #stdout = ''
  #stderr = ''

  private constructor(sockets: readonly [string, string], switchPid: number) {
    // It excuses what its thread waited for a processor: that thread must not wait for another, which collects its garbage.
    const program = ['--single-threaded-gc', PROGRAM]
    const child = spawn(process.execPath, [...program, ...sockets, String(switchPid)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk) => {
      this.#stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      this.#stderr += chunk
    })
    this.#child = child
    this.#ended = new Promise((resolve) => child.on('close', () => resolve()))
  }

  /** Starts the pair and waits until frames go both ways. */
  static async start(sockets: readonly [string, string], switchPid: number): Promise<HealthyPair> {
    const pair = new HealthyPair(sockets, switchPid)
    const ready = new Promise<void>((resolve) => {
      pair.#child.stdout?.on('data', () => {
        if (pair.#stdout.includes('ready')) resolve()
      })
    })
    await Promise.race([ready, pair.#ended])
    if (!pair.#stdout.includes('ready'))
      throw new Error(`the healthy pair did not start: ${pair.#stdout}${pair.#stderr}`)
    return pair
  }

  /** Ends the pair after its last frames came. */
  async stop(): Promise<PairReport> {
    this.#child.stdin?.end()
    await this.#ended
    const last = this.#stdout.trim().split('\n').at(-1) ?? ''
    if (!last.startsWith('{')) throw new Error(`the healthy pair died: ${this.#stderr}`)
    return JSON.parse(last) as PairReport
  }
}

/** How a switch and the pair came out of an attack. */
export interface Outcome {
  /** Exit code of the switch after SIGTERM; -1 when a signal ended it. */
  readonly exitCode: number
  readonly stderr: string
  readonly socketsLeft: boolean
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly corrupt: number
  readonly late: readonly string[]
  readonly failure: string
}

/** Nothing happened to anybody else. */
export const UNHARMED: Outcome = {
  exitCode: 0,
  stderr: '',
  socketsLeft: false,
  lost: 0,
  duplicated: 0,
  outOfOrder: 0,
  corrupt: 0,
  late: [],
  failure: '',
}

const PAIR = ['healthy1', 'healthy2'] as const

/** A switch with ports to attack, beside a healthy pair. */
export class BesideHealthyPair {
  readonly switch: SwitchProcess
  readonly #pair: HealthyPair
  #outcome: Promise<Outcome> | undefined

  private constructor(running: SwitchProcess, pair: HealthyPair) {
    this.switch = running
    this.#pair = pair
  }

  /** @param vifs names of the ports to attack, settings behind commas */
  static async start(
    vifs: readonly string[],
    options: SwitchProcessOptions = {},
  ): Promise<BesideHealthyPair> {
    const running = await SwitchProcess.start([...vifs, ...PAIR], options)
    try {
      const pair = await HealthyPair.start([running.path(PAIR[0]), running.path(PAIR[1])], running.pid)
      return new BesideHealthyPair(running, pair)
    } catch (error) {
      await running.stop()
      throw error
    }
  }

  /** The socket of a port. */
  path(name: string): string {
    return this.switch.path(name)
  }

  /** Waits for an event of a port, see SwitchProcess.told. */
  told(
    port: string,
    event: string,
    detail: string | RegExp = '',
    count = 1,
  ): ReturnType<SwitchProcess['told']> {
    return this.switch.told(port, event, detail, count)
  }

  /** Ends the pair, then the switch. May be called again, for example in afterEach. */
  end(): Promise<Outcome> {
    this.#outcome ??= this.#end()
    return this.#outcome
  }

  async #end(): Promise<Outcome> {
    const pair = await this.#pair.stop()
    const { code, stderr, left } = await this.switch.stop()
    const { lost, duplicated, outOfOrder, corrupt, late, failure } = pair
    return { exitCode: code, stderr, socketsLeft: left, lost, duplicated, outOfOrder, corrupt, late, failure }
  }
}
