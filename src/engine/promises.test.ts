/** Verdicts about a real plane and controller under loads whose truth is known. Only the seconds of the judge are modelled. */
import { afterEach, describe, expect, it } from 'vitest'
import { asTcp, attach, cleanUp, frame, newEngine } from '../../test/support/switch.js'
import type { PolicyName } from '../aggregation/create.js'
import { PromiseJudge } from '../control/promise.js'
import { readPromises } from '../control/promise-reading.js'
import type { PromiseVerdict } from '../control/promise-verdict.js'
import { TuningReader } from '../control/tuning-reader.js'
import type { EmbeddedGuest, EmbeddedGuestOptions } from '../embedded/guest.js'
import { nowUs } from '../sys/clock.js'

const [A, B] = [1, 2]
/** Long enough for a verdict of either kind. */
const SECONDS = 14
const MS_PER_S = 1_000

afterEach(cleanUp)

function waitUs(us: number): void {
  const end = nowUs() + us
  while (nowUs() < end);
}

/** An engine with a guest a, which has the target, and a guest b, which sends. */
function promised(policy: PolicyName, targetUs: number, options: EmbeddedGuestOptions = {}, budget = 1) {
  const engine = newEngine({ policy: { name: policy }, budget })
  const a = attach(engine, 'a', options)
  const b = attach(engine, 'b')
  a.driver.send(frame(B, A, 60))
  engine.step()
  engine.tune({ vif: 'a', targetUs })
  const log = new TuningReader(engine.settings.buffer)
  const judge = new PromiseJudge()
  const ports = engine.ports.map(({ index, name }) => ({ row: index, name, isAttached: true, guest: '' }))
  const send = (frames: number, tcp = false): void => {
    for (let i = 0; i < frames; i++) b.driver.send(tcp ? asTcp(frame(A, B, 60)) : frame(A, B, 60))
  }
  const step = (): void => {
    for (let turns = 0; turns < 8; turns++) engine.step()
    b.driver.reapTx()
  }
  /** Judges after every second, of which `second` is what happens. */
  const verdicts = (second: () => void): { readonly a: PromiseVerdict; readonly b: PromiseVerdict } => {
    let last: readonly PromiseVerdict[] = []
    for (let i = 0; i < SECONDS; i++) {
      second()
      const reading = readPromises(engine.memory.u64, log, ports, 0)
      last = judge.take(i * MS_PER_S, new Date(i * MS_PER_S), reading).verdicts
    }
    const of = (name: string) => last.find((each) => each.name === name) as PromiseVerdict
    return { a: of('a'), b: of('b') }
  }
  return { a, send, step, verdicts }
}

/** One frame after the other, each taken at once, as many as a verdict needs. */
function steady({ send, step }: ReturnType<typeof promised>, a: EmbeddedGuest): void {
  for (let i = 0; i < 40; i++) {
    send(1)
    step()
    a.driver.drainRx(false)
  }
}

const [SOON_US, EVER_US] = [1, 1e8]

describe('promises of a real engine', () => {
  it('promises are met when frames are taken at once, and nothing is judged of a guest without load', () => {
    const load = promised('adaptive', EVER_US)
    const { a, b } = load.verdicts(() => steady(load, load.a))
    expect(a).toMatchObject({ state: 'met', last10s: { withinShare: 1 } })
    expect(b).toMatchObject({ state: 'no-load' })
  })

  it('promises are not held when the policy holds none', () => {
    const load = promised('natural', SOON_US)
    expect(load.verdicts(() => steady(load, load.a)).a).toMatchObject({ state: 'not-held', cause: null })
  })

  it('promises are missed by queueing when the engine is held up', () => {
    const load = promised('adaptive', 500)
    const { a } = load.verdicts(() => {
      for (let i = 0; i < 20; i++) {
        load.send(1)
        waitUs(2_000)
        load.step()
        load.a.driver.drainRx(false)
      }
    })
    expect(a).toMatchObject({ state: 'missed', cause: 'queueing' })
    expect(a.last10s.withinShare).toBe(0)
    expect(a.missedByUs).toBeGreaterThan(1_400)
  })

  it('promises are missed by a burst when frames come in trains', () => {
    const load = promised('adaptive', SOON_US)
    const { a } = load.verdicts(() => {
      load.send(200)
      load.step()
      load.a.driver.drainRx(false)
    })
    expect(a).toMatchObject({ state: 'missed', cause: 'burst' })
  })

  it('promises are missed by the receiver when it posts its buffers late', () => {
    const load = promised('adaptive', 500, { ringSize: 16 })
    const { a } = load.verdicts(() => {
      for (let i = 0; i < 20; i++) {
        load.send(1, true)
        load.step()
      }
      waitUs(2_000)
      load.a.driver.drainRx(false)
      load.step()
      load.a.driver.drainRx(false)
    })
    expect(a).toMatchObject({ state: 'missed', cause: 'receiver' })
  })

  it('promises are kept beyond a budget that is too small for them, and say so', () => {
    const load = promised('adaptive', EVER_US, {}, 0.001)
    const { a } = load.verdicts(() => {
      const end = nowUs() + 100_000
      while (nowUs() < end) steady(load, load.a)
    })
    expect(a).toMatchObject({ state: 'met', overBudget: true })
    expect(a.advice).toMatch(/^Raise the budget to about 0\.|^No budget is enough/)
  })
})
