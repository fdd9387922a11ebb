import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { MAIN } from './cli-process.js'
import { able, socketFolder, until } from './support/network.js'
import { must, pingLoss, receiveStream, sendStream } from './support/traffic.js'

/** Pieces cross, one about every tenth of a second, until the sender finds this file. */
const ENOUGH = '/tmp/enough'
const PIECE_BYTES = 2 ** 17
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
    await must(a, `dd if=/dev/urandom of=/tmp/piece bs=${PIECE_BYTES} count=1 2>/dev/null`)
    const program = `'while [ ! -e ${ENOUGH} ]; do cat /tmp/piece; echo >>/tmp/pieces; sleep 0.1; done'`
    const receiver = await receiveStream(b, '/tmp/stream')
    const sender = a.start(`exec ${sendStream('10.99.0.2', `sh -c ${program}`)}`, { timeoutMs: 120_000 })
    const arrived = async () => Number(await must(b, '[ ! -e /tmp/stream ] || wc -c </tmp/stream'))
    for (let kills = 0; kills < 2; kills++) {
      const before = await arrived()
      await until('the stream flows', async () => (await arrived()) > before + 5 * PIECE_BYTES)
      await running.end('SIGKILL')
      await until('the stream stands', async () => {
        const first = await arrived()
        await new Promise((resolve) => setTimeout(resolve, 500))
        return first === (await arrived())
      })
      await running.start()
    }
    const before = await arrived()
    await until('the stream flows again', async () => (await arrived()) > before + 5 * PIECE_BYTES)
    await must(a, `touch ${ENOUGH}`)
    const [sent, received] = await Promise.all([sender.done, receiver.done])
    expect(sent).toMatchObject({ code: 0 })
    expect(received).toMatchObject({ code: 0 })
    const whole = 'while read -r piece; do cat /tmp/piece; done </tmp/pieces'
    expect(await must(b, 'sha256sum </tmp/stream')).toBe(await must(a, `${whole} | sha256sum`))
  })

  it('keep their network when the switch is stopped in order and started again', async () => {
    await running.end('SIGTERM')
    expect(existsSync(running.socket('a'))).toBe(false)
    await running.start()
    expect(await pingLoss(b, '10.99.0.1', { count: 5 })).toBe(0)
  })
})
