import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PortStatus } from '../../src/port/port.js'
import { Cli } from '../host/cli-process.js'
import { EVENT_LIMIT_MS } from './step-until.js'

/** An event line of `ringferry up --json`. */
export interface EventLine {
  readonly event: string
  readonly detail: string
  readonly port: PortStatus
}

/** A port in a stats line of `ringferry up --json`. */
export interface PortLine extends PortStatus {
  readonly counters: Readonly<Record<string, number>>
  readonly drops: Readonly<Record<string, number>>
}

const LOOK_MS = 20

export interface SwitchProcessOptions {
  /** More arguments of `ringferry up`. */
  readonly args?: readonly string[]
  /** A program that starts it, with arguments: prlimit, setpriv. */
  readonly prefix?: readonly string[]
}

/** A built switch in a process of its own: what a peer does to it may kill it for good. */
export class SwitchProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
  readonly cli: Cli

  private constructor(vifs: readonly string[], options: SwitchProcessOptions) {
    const flags = vifs.flatMap((vif) => {
      const [name = '', ...settings] = vif.split(',')
      return ['--vif', [`${name}=${this.path(name)}`, ...settings].join(',')]
    })
    this.cli = new Cli(['up', '--json', ...flags, ...(options.args ?? [])], options.prefix)
  }

  /** Starts a switch and waits until it is ready. @param vifs names of vifs, settings behind commas: "a,control=true" */
  static async start(vifs: readonly string[], options: SwitchProcessOptions = {}): Promise<SwitchProcess> {
    const made = new SwitchProcess(vifs, options)
    await made.cli.printed('"ready"')
    return made
  }

  get pid(): number {
    return this.cli.child.pid as number
  }

  /** The socket of a vif. */
  path(name: string): string {
    return join(this.folder, `${name}.sock`)
  }

  get isAlive(): boolean {
    return this.cli.child.exitCode === null && this.cli.child.signalCode === null
  }

  #lines(type: string): Record<string, unknown>[] {
    // The last line may have come in part only.
    return this.cli.stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith(`{"type":"${type}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** What was told of a port so far. */
  events(port: string): EventLine[] {
    return (this.#lines('event') as unknown as EventLine[]).filter((line) => line.port.name === port)
  }

  /** A port in the last stats line; they come once a second. */
  port(name: string): PortLine | undefined {
    const last = this.#lines('stats').at(-1) as { ports: PortLine[] } | undefined
    return last?.ports.find((port) => port.name === name)
  }

  /** Waits until something holds. Rejects when it does not within EVENT_LIMIT_MS, or when the switch has ended. */
  async until(what: string, holds: () => boolean): Promise<void> {
    for (const endMs = Date.now() + EVENT_LIMIT_MS; !holds(); ) {
      if (!this.isAlive) throw new Error(`the switch ended before ${what}: ${this.cli.stderr}`)
      if (Date.now() > endMs)
        throw new Error(`not within ${EVENT_LIMIT_MS} ms: ${what}; ${this.cli.stdout.slice(-2000)}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** Waits for an event of a port whose detail has a text, the count-th of its kind. */
  async told(port: string, event: string, detail: string | RegExp = '', count = 1): Promise<EventLine> {
    const found = () =>
      this.events(port).filter((line) => line.event === event && line.detail.search(detail) >= 0)
    await this.until(`${count} x ${port}: ${event} (${detail})`, () => found().length >= count)
    return found()[count - 1] as EventLine
  }

  /** Ends the switch by SIGTERM, removes its folder. Returns its exit code and what it left in the folder. */
  async stop(): Promise<{ readonly code: number; readonly stderr: string; readonly left: boolean }> {
    if (this.isAlive) this.cli.kill('SIGTERM')
    const { code, stderr } = await this.cli.ended
    const left = this.cli.child.spawnargs.some(
      (arg) => arg.includes('=') && existsSync(arg.split(/[=,]/)[1] ?? ''),
    )
    rmSync(this.folder, { recursive: true, force: true })
    return { code, stderr, left }
  }
}
