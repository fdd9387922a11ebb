import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { MAIN } from './cli-process.js'
import { EndlessStream } from './support/endless-stream.js'
import { able, socketFolder, until } from './support/network.js'
import { pingLoss } from './support/traffic.js'

const NAMES = ['a', 'b'] as const

/** A switch in a process of its own, which can be killed and started again on the same sockets. */
class SwitchProcess {
  readonly #folder: string
  #child: ChildProcess | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  socket(name: string): string {
    return join(this.#folder, `${name}.sock`)
  }

  async start(): Promise<void> {
    const flags = NAMES.flatMap((name) => ['--vif', `${name}=${this.socket(name)}`])
    const child = spawn(process.execPath, [MAIN, 'up', '--json', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, RINGFERRY_CONTROL: join(this.#folder, 'control.sock') },
    })
    this.#child = child
    let printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        printed += chunk
      })
    await until('the switch starts', () => {
      if (child.exitCode !== null) throw new Error(`the switch ended: ${printed}`)
      return printed.includes('\n')
    })
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}

describe.runIf(able('qemu', 'iperf3'))('two qemu guests that connect again', () => {
  const folder = socketFolder()
  const running = new SwitchProcess(folder)
  let a: Guest
  let b: Guest

  beforeAll(async () => {
    await running.start()
    const boot = (name: 'a' | 'b', host: number): Promise<Guest> =>
      bootGuest({
        name: `restart-${name}`,
        kind: 'qemu',
        nics: [
          {
            transport: { type: 'vhost-user', path: running.socket(name), reconnectS: 1 },
            address: `10.99.0.${host}/24`,
          },
        ],
      })
    ;[a, b] = await Promise.all([boot('a', 1), boot('b', 2)])
  })
  afterAll(async () => {
    await cleanUp()
    await running.end('SIGTERM')
    const left = NAMES.filter((name) => existsSync(running.socket(name)))
    rmSync(folder, { recursive: true, force: true })
    expect(left).toEqual([])
  })

  it('keep a TCP connection when the switch is killed and started again', async () => {
    expect(await pingLoss(a, '10.99.0.2', { count: 3 })).toBe(0)
    const stream = await EndlessStream.start(a, b, '10.99.0.2')
    for (let kills = 0; kills < 2; kills++) {
      await stream.flows()
      await running.end('SIGKILL')
      await stream.stands()
      await running.start()
    }
    await stream.flows()
    await stream.finish()
  })

  it('keep their network when the switch is stopped in order and started again', async () => {
    await running.end('SIGTERM')
    expect(existsSync(running.socket('a'))).toBe(false)
    await running.start()
    expect(await pingLoss(b, '10.99.0.1', { count: 5 })).toBe(0)
  })
})
