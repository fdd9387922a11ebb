/** Verdicts of a switch in a thread of its own, second by second, about loads whose truth is known. */
import { afterAll, expect, it } from 'vitest'
import { PromiseBook } from '../../src/daemon/promise-book.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../src/embedded/worker.js'
import { Switch } from '../../src/engine/switch.js'
import { socketPair } from '../../src/sys/unix-socket.js'

const undo: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const each of undo.reverse()) await each()
})

const mac = (n: number): string => `02:00:00:00:00:0${n}`
/** Nothing is that fast, and nothing that slow. */
const [SOON_US, EVER_US] = [0.5, 3e8]

it('a switch says of each vif whether its target is met, missed, without load or not held, and tells a miss once', async () => {
  const running = await Switch.start({ policy: { name: 'adaptive' } })
  undo.push(() => running.stop())
  const guest = async (
    n: number,
    role: EmbeddedRole,
    settings: { readonly targetUs?: number; readonly publish?: 'natural' } = {},
  ): Promise<EmbeddedWorker> => {
    const [ours, theirs] = socketPair()
    await running.addPort({ kind: 'embedded', name: `g${n}`, fd: ours, ...settings })
    const worker = await EmbeddedWorker.start(theirs, { mac: mac(n), role, spinUs: 0 })
    undo.push(() => worker.stop())
    return worker
  }
  await guest(1, { kind: 'meter' }, { targetUs: EVER_US })
  await guest(2, { kind: 'meter' }, { targetUs: SOON_US })
  await guest(3, { kind: 'meter' }, { targetUs: SOON_US })
  await guest(4, { kind: 'meter' }, { publish: 'natural' })
  const generator = await guest(5, { kind: 'generator', to: [mac(1), mac(2), mac(4)], frameBytes: 60 })
  const book = new PromiseBook(running)
  undo.push(() => book.close())
  const events: string[] = []
  const missed = new Promise<void>((resolve) =>
    book.subscribe(({ event, verdict: { name } }) => {
      events.push(`${name} ${event}`)
      resolve()
    }),
  )
  generator.setRate(3_000)
  await missed
  expect(book.verdict('g1')).toMatchObject({ state: 'met', last10s: { withinShare: 1 } })
  const late = book.verdict('g2')
  expect(late.state).toBe('missed')
  expect(late.last10s.withinShare).toBeLessThan(0.5)
  expect(late.cause).not.toBeNull()
  expect(late.sentence).toMatch(/^missed by .* because .+$/)
  expect(late.advice).not.toBe('')
  expect(book.verdict('g3')).toMatchObject({ state: 'no-load', last10s: { frames: 0 } })
  expect(book.verdict('g4')).toMatchObject({ state: 'not-held' })
  expect(events).toEqual(['g2 target-missed'])
  // With a target that can be met it is met, without anything of before.
  await running.tune({ vif: 'g2', targetUs: EVER_US })
  expect(book.verdict('g2')).toMatchObject({ state: 'no-load', last300s: { frames: 0 } })
  await expect.poll(() => book.verdict('g2').state, { timeout: 60_000 }).toBe('met')
  expect(events).toEqual(['g2 target-missed', 'g2 target-met'])
})
