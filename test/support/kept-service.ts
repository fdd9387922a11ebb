/** A switch as a service of a manager that is played here: it can be killed, and gets back what it had in the store. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAIN } from '../host/cli-process.js'
import { NotifyListener } from './notify-listener.js'

/** The shell's process becomes the service, so that it knows the number that the service will have. */
const START = 'LISTEN_PID=$$ exec "$@"'

export class KeptService {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringferry-kept-'))
  readonly manager = new NotifyListener(join(this.folder, 'notify'))
  #child: ChildProcess | undefined
  #printed = ''

  /** The socket of a vif. */
  path(name: string): string {
    return join(this.folder, `${name}.sock`)
  }

  /** All that the present process has printed. */
  get printed(): string {
    return this.#printed
  }

  get pid(): number {
    return this.#child?.pid as number
  }

  /** Starts it with what is in the store. @param vifs names, settings behind commas: "a,mtu=9000" */
  async start(vifs: readonly string[]): Promise<void> {
    const flags = vifs.flatMap((vif) => {
      const [name = '', ...settings] = vif.split(',')
      return ['--vif', [`${name}=${this.path(name)}`, ...settings].join(',')]
    })
    const stored = this.manager.stored()
    const child = spawn('sh', ['-c', START, 'sh', process.execPath, MAIN, 'up', '--json', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe', ...stored.map(({ fd }) => fd)],
      env: {
        ...process.env,
        NOTIFY_SOCKET: join(this.folder, 'notify'),
        RINGFERRY_CONTROL: join(this.folder, 'control.sock'),
        ...(stored.length > 0 && {
          LISTEN_FDS: String(stored.length),
          LISTEN_FDNAMES: stored.map(({ name }) => name).join(':'),
        }),
      },
    })
    this.#child = child
    this.#printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.#printed += chunk
      })
    await this.until('the switch starts', () => this.#printed.includes('"ready"'))
  }

  /** Waits until something holds; the process must live meanwhile. */
  async until(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { exitCode, signalCode } = this.#child ?? {}
      if (exitCode !== null || signalCode !== null) throw new Error(`ended before ${what}: ${this.#printed}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      this.manager.take()
    }
  }

  /** Ends it. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
    this.manager.take()
  }

  /** Ends it for good, and the store with it. */
  async close(): Promise<void> {
    await this.end('SIGKILL')
    this.manager.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
