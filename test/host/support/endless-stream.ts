import { expect } from 'vitest'
import type { BackgroundCommand, Guest } from '../../../src/lab/guest/guest.js'
import { until } from './network.js'
import { must, receiveStream, sendStream } from './traffic.js'

/** Pieces cross, one about every tenth of a second, until the sender finds this file. */
const ENOUGH = '/tmp/enough'
const PIECE_BYTES = 2 ** 17

/** A TCP connection between two guests on which bytes flow until it is told to end. */
export class EndlessStream {
  readonly #from: Guest
  readonly #to: Guest
  readonly #sender: BackgroundCommand
  readonly #receiver: BackgroundCommand

  private constructor(from: Guest, to: Guest, sender: BackgroundCommand, receiver: BackgroundCommand) {
    this.#from = from
    this.#to = to
    this.#sender = sender
    this.#receiver = receiver
  }

  static async start(from: Guest, to: Guest, address: string): Promise<EndlessStream> {
    await must(
      from,
      `rm -f ${ENOUGH}; dd if=/dev/urandom of=/tmp/piece bs=${PIECE_BYTES} count=1 2>/dev/null`,
    )
    const program = `'while [ ! -e ${ENOUGH} ]; do cat /tmp/piece; echo >>/tmp/pieces; sleep 0.1; done'`
    const receiver = await receiveStream(to, '/tmp/stream')
    const sender = from.start(`exec ${sendStream(address, `sh -c ${program}`)}`, { timeoutMs: 120_000 })
    return new EndlessStream(from, to, sender, receiver)
  }

  async #arrived(): Promise<number> {
    return Number(await must(this.#to, '[ ! -e /tmp/stream ] || wc -c </tmp/stream'))
  }

  /** Waits until bytes arrive, several pieces from now on. */
  async flows(): Promise<void> {
    const before = await this.#arrived()
    await until('the stream flows', async () => (await this.#arrived()) > before + 5 * PIECE_BYTES)
  }

  /** Waits until none arrive any more. */
  async stands(): Promise<void> {
    await until('the stream stands', async () => {
      const first = await this.#arrived()
      await new Promise((resolve) => setTimeout(resolve, 500))
      return first === (await this.#arrived())
    })
  }

  /** Ends it, and compares what was sent with what has arrived. */
  async finish(): Promise<void> {
    await must(this.#from, `touch ${ENOUGH}`)
    const [sent, received] = await Promise.all([this.#sender.done, this.#receiver.done])
    expect(sent).toMatchObject({ code: 0 })
    expect(received).toMatchObject({ code: 0 })
    const whole = 'while read -r piece; do cat /tmp/piece; done </tmp/pieces'
    expect(await must(this.#to, 'sha256sum </tmp/stream')).toBe(
      await must(this.#from, `${whole} | sha256sum`),
    )
  }
}
