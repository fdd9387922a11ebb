import { createConnection, type Socket } from 'node:net'
import { LineSplitter } from '../../../src/lab/guest/agent-line.js'
import { until } from './network.js'

interface Answer {
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

const ENDED: Answer = { error: { desc: 'QEMU has ended' } }

/** QEMU's monitor on a Unix socket. Source: QEMU, docs/interop/qmp-spec.rst. */
export class Qmp {
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #nextId = 1
  #hasEnded = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#hasEnded = true
      for (const settle of this.#waiting.values()) settle(ENDED)
    })
    const lines = new LineSplitter()
    socket.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) {
        const answer = JSON.parse(line) as Answer
        if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer)
      }
    })
  }

  /** Connects as soon as QEMU listens. */
  static async connect(path: string): Promise<Qmp> {
    const socket = await until(
      `QEMU listens on ${path}`,
      () =>
        new Promise<Socket | false>((resolve) => {
          const trial = createConnection(path, () => resolve(trial))
          trial.once('error', () => resolve(false))
        }),
    )
    const qmp = new Qmp(socket)
    await qmp.run('qmp_capabilities')
    return qmp
  }

  /** Runs a command. Returns what it returns; throws what is wrong. */
  async run(execute: string, args: object = {}): Promise<unknown> {
    const id = this.#nextId++
    const answer = await new Promise<Answer>((resolve) => {
      if (this.#hasEnded) resolve(ENDED)
      this.#waiting.set(id, resolve)
      this.#socket.write(`${JSON.stringify({ execute, arguments: args, id })}\n`)
    })
    this.#waiting.delete(id)
    if (answer.error) throw new Error(`${execute}: ${answer.error.desc}`)
    return answer.return
  }

  /** Migrates the VM. Returns when it has left; throws why it does not. */
  async migrate(uri: string): Promise<void> {
    await this.run('migrate', { uri })
    await until(
      'the VM has moved',
      async () => {
        const told = (await this.run('query-migrate')) as { status: string; 'error-desc'?: string }
        if (told.status === 'failed' || told.status === 'cancelled')
          throw new Error(`migration ${told.status}: ${told['error-desc'] ?? ''}`)
        return told.status === 'completed'
      },
      120_000,
    )
  }

  /** Waits until the VM runs here. */
  async runs(): Promise<void> {
    const runs = async (): Promise<boolean> =>
      ((await this.run('query-status')) as { status: string }).status === 'running'
    await until('the VM runs', runs, 150_000)
  }

  close(): void {
    this.#socket.destroy()
  }
}
