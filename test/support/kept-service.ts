/** A switch as a service of a manager that is played here: it can be killed, and gets back what it had in the store. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplicate } from '../../src/sys/descriptor.js'
import { RecordFile } from '../../src/vhost-user/session-record.js'
import { MAIN } from '../host/cli-process.js'
import { NotifyListener } from './notify-listener.js'

/** The shell's process becomes the service, so that it knows the number that the service will have. */
const START = 'LISTEN_PID=$$ exec "$@"'

export class KeptService {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringferry-kept-'))
  readonly manager = new NotifyListener(join(this.folder, 'notify'))
  #child: ChildProcess | undefined
  #printed = ''
  /** A manager reads all the time. */
  readonly #reading = setInterval(() => this.manager.take(), 2)

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

  /** For the service and its commands. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      NOTIFY_SOCKET: join(this.folder, 'notify'),
      RINGFERRY_CONTROL: join(this.folder, 'control.sock'),
    }
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
        ...this.environment,
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
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** The records of guests that could be taken up if it ended now. */
  get #kept(): number {
    const records = this.manager.stored().filter(({ name }) => name.startsWith('ringferry-record-'))
    return records.filter(({ fd }) => {
      const file = RecordFile.open(duplicate(fd))
      const isKept = typeof file !== 'string' && !file.isUnsettled
      if (typeof file !== 'string') file.close()
      return isKept
    }).length
  }

  /** Waits until the manager has all that it needs of so many guests. */
  hasKept(guests: number): Promise<void> {
    return this.until(`${guests} guests are kept`, () => this.#kept === guests)
  }

  /** Waits until it has told that it goes on with so many guests. */
  hasTakenUp(guests: number): Promise<void> {
    const told = (): number => this.#printed.split('as before the restart').length - 1
    return this.until(`${guests} guests are taken up`, () => {
      if (/is let go[^"]*/.test(this.#printed)) throw new Error(this.#printed)
      return told() === guests
    })
  }

  /** Ends it, and takes the last that it printed. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill(signal)
    await ended
  }

  /** Ends it for good, and the store with it. */
  async close(): Promise<void> {
    await this.end('SIGKILL')
    clearInterval(this.#reading)
    this.manager.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
