/**
 * Ringferry as a library: a switch with two guests of our own on it, ten frames from one to the other, and what the
 * switch counted. Needs no root and no guest kernel. In a project of yours import from 'ringferry'.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedGuest, type PortCounters, startSwitch } from '../src/index.js'

/** An Ethernet frame from the station 02:00:00:00:00:<from> to <to>, of a type for experiments. */
function frame(to: number, from: number, number: number): Uint8Array {
  const bytes = new Uint8Array(60)
  bytes.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5, number])
  return bytes
}

export async function main(): Promise<{ readonly arrived: number[]; readonly counters: PortCounters }> {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-example-'))
  const [first, second] = [join(folder, 'g1.sock'), join(folder, 'g2.sock')]
  const running = await startSwitch({
    engine: {},
    ports: [
      { name: 'g1', kind: 'vif', socket: first },
      { name: 'g2', kind: 'vif', socket: second },
    ],
  })
  running.subscribe(({ event, port }) => console.log(`${port.name}: ${event}`))
  const sender = new EmbeddedGuest(first)
  const receiver = new EmbeddedGuest(second)
  const arrived: number[] = []
  try {
    for (let number = 0; number < 10; number++) sender.driver.send(frame(2, 1, number))
    for (let tries = 0; arrived.length < 10 && tries < 500; tries++) {
      for (let got = receiver.driver.receive(); got; got = receiver.driver.receive())
        arrived.push(got.frame[14] as number)
      await sleep(10)
    }
    return { arrived, counters: running.counters('g1') }
  } finally {
    sender.close()
    receiver.close()
    await running.stop()
    rmSync(folder, { recursive: true })
  }
}
