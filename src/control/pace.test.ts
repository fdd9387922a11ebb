import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FOREVER, IDLE, MAX_SPIN_US, made, spinning } from '../../test/support/pace.js'
import {
  MAX_SPIN_TURN_US,
  type Pace,
  RENOTIFY_EVERY_US,
  REST,
  SLEEP,
  SPIN,
  TICK_US,
  TURN,
  TURNS_PER_POLL,
  TURNS_PER_POLL_WITH_HOST_PORTS,
} from './pace.js'

describe('Pace.next', () => {
  it('goes on with turns while there is work', () => {
    const { pace } = spinning()
    for (const nowUs of [0, 10, 1e6, 1e9]) expect(pace.next(nowUs, true)).toBe(TURN)
  })

  it('sleeps at once when there is nothing to do and spinning has not paid yet', () => {
    expect(made().pace.next(5, false)).toBe(SLEEP)
  })

  it('spins for as long as spinning has paid, from the last turn with work', () => {
    const { pace } = spinning()
    pace.next(100, true)
    expect(pace.spinUs).toBe(MAX_SPIN_US)
    expect(pace.next(100 + MAX_SPIN_US - 1, false)).toBe(SPIN)
    expect(pace.next(100 + MAX_SPIN_US, false)).toBe(SLEEP)
  })

  it('counts idleness from the end of a pause, too', () => {
    const { pace } = spinning()
    pace.next(100, true)
    expect(pace.next(500, false)).toBe(SLEEP)
    pace.slept(500, 510, TICK_US)
    pace.resumed(512)
    expect(pace.next(512 + MAX_SPIN_US - 1, false)).toBe(SPIN)
    expect(pace.next(512 + MAX_SPIN_US, false)).toBe(SLEEP)
  })

  it('does not spin beyond what the controller allows', () => {
    const { pace, allowed } = spinning()
    allowed.spinBudgetUs = 2
    expect(pace.next(1, false)).toBe(SPIN)
    pace.spun(1, 3)
    expect(pace.next(3, false)).toBe(SLEEP)
  })

  it('rests in place of sleep and of spinning when the controller says so', () => {
    const { pace, allowed } = spinning()
    allowed.restUs = 50
    expect(pace.next(1, false)).toBe(REST)
  })

  it('rests after a stretch of work, counted from the end of the last pause', () => {
    const { pace, allowed } = made()
    allowed.restUs = 50
    allowed.workUs = 200
    pace.rested(1000)
    expect(pace.next(1199, true)).toBe(TURN)
    expect(pace.next(1200, true)).toBe(REST)
    pace.rested(1250)
    expect(pace.next(1449, true)).toBe(TURN)
    expect(pace.next(1450, true)).toBe(REST)
  })

  it('sees no idleness in a rest between two bursts', () => {
    const { pace, allowed } = spinning()
    allowed.restUs = 50
    allowed.workUs = 200
    expect(pace.next(300, true)).toBe(REST)
    pace.rested(350)
    pace.resumed(350)
    allowed.restUs = 0
    // Idle since the turn at 300, not since 350.
    expect(pace.next(300 + MAX_SPIN_US, false)).toBe(SLEEP)
  })
})

describe('Pace.pause', () => {
  it.each([
    [0, false, SLEEP],
    [0, true, SLEEP],
    [50, false, REST],
    [50, true, SLEEP],
  ])('with a rest of %d us and a port woken: %s is step %d', (restUs, isWoken, step) => {
    const { pace, allowed } = made()
    allowed.restUs = restUs
    expect(pace.pause(isWoken)).toBe(step)
  })
})

describe('Pace.isPollDue', () => {
  it.each([
    [false, TURNS_PER_POLL],
    [true, TURNS_PER_POLL_WITH_HOST_PORTS],
  ])('with host ports: %s comes every %d turns', (hasHostPorts, every) => {
    const { pace } = made()
    const due = Array.from({ length: 3 * every }, () => pace.isPollDue(hasHostPorts))
    expect(due.flatMap((isDue, at) => (isDue ? [at + 1] : []))).toEqual([every, 2 * every, 3 * every])
  })

  it('begins anew after a pause, which has polled', () => {
    const { pace } = made()
    for (let turns = 1; turns < TURNS_PER_POLL; turns++) pace.isPollDue(false)
    pace.next(1, false)
    pace.resumed(2)
    expect(pace.isPollDue(false)).toBe(false)
  })
})

describe('Pace.sleepUs', () => {
  it('ends a sleep at the next tick when nothing is due before', () => {
    const { pace } = made()
    pace.ticked(1000)
    expect(pace.sleepUs(1000, FOREVER, IDLE)).toBe(TICK_US)
    expect(pace.sleepUs(1000 + TICK_US - 7, FOREVER, IDLE)).toBe(7)
    expect(pace.sleepUs(1000 + 2 * TICK_US, FOREVER, IDLE)).toBe(0)
    expect(pace.sleepUs(1000, 12, IDLE)).toBe(12)
  })

  it.each(Object.keys(IDLE))('ends a sleep when %s has passed', (name) => {
    expect(made().pace.sleepUs(0, TICK_US, { ...IDLE, [name]: 33 })).toBe(33)
  })
})

describe('Pace.restUs', () => {
  it('is what the controller says, at most what the caller does', () => {
    const { pace, allowed } = made()
    allowed.restUs = 300
    expect(pace.restUs(TICK_US, IDLE)).toBe(300)
    expect(pace.restUs(20, IDLE)).toBe(20)
  })

  it.each(['heldUs', 'releaseUs', 'pollUs'])('ends a rest when %s has passed', (name) => {
    const { pace, allowed } = made()
    allowed.restUs = 300
    expect(pace.restUs(TICK_US, { ...IDLE, [name]: 33 })).toBe(33)
  })

  it.each(['renotifyUs', 'requestUs'])('does not end a rest when %s has passed', (name) => {
    const { pace, allowed } = made()
    allowed.restUs = 300
    expect(pace.restUs(TICK_US, { ...IDLE, [name]: 33 })).toBe(300)
  })
})

describe('Pace.isRenotifyDue', () => {
  it('lets a resting engine re-notify at most once in a while', () => {
    const { pace } = made()
    expect(pace.isRenotifyDue(RENOTIFY_EVERY_US - 1)).toBe(false)
    expect(pace.isRenotifyDue(RENOTIFY_EVERY_US)).toBe(true)
    expect(pace.isRenotifyDue(RENOTIFY_EVERY_US + 1)).toBe(false)
    expect(pace.isRenotifyDue(2 * RENOTIFY_EVERY_US)).toBe(true)
  })
})

/** An engine with a modelled clock: how long its steps take is chosen by the test, what it does is the pace's choice. */
function runModel(
  pace: Pace,
  turns: readonly { readonly hasWork: boolean; readonly us: number; readonly sleptPart: number }[],
) {
  const did = { ticks: [] as number[], spins: 0, pauses: [] as number[], spinStretchUs: 0 }
  let nowUs = 0
  let spunFromUs = -1
  for (const { hasWork, us, sleptPart } of turns) {
    const beganUs = nowUs
    if (pace.isTickDue(nowUs)) {
      pace.ticked(nowUs)
      did.ticks.push(nowUs)
    }
    nowUs += us
    const step = pace.next(beganUs, hasWork)
    if (step === SPIN) {
      if (spunFromUs < 0) spunFromUs = beganUs
      did.spinStretchUs = Math.max(did.spinStretchUs, beganUs - spunFromUs)
      pace.spun(beganUs, nowUs)
      did.spins++
      continue
    }
    spunFromUs = -1
    if (step === TURN) continue
    const longestUs = step === REST ? pace.restUs(TICK_US, IDLE) : pace.sleepUs(nowUs, TICK_US, IDLE)
    did.pauses.push(longestUs)
    const fromUs = nowUs
    nowUs += longestUs * sleptPart
    if (step === REST) pace.rested(nowUs)
    else pace.slept(fromUs, nowUs, longestUs)
    pace.resumed(nowUs)
  }
  return { ...did, endUs: nowUs }
}

describe('Pace under a modelled clock', () => {
  const turn = fc.record({
    hasWork: fc.boolean(),
    us: fc.double({ min: 0.05, max: 50, noNaN: true }),
    sleptPart: fc.double({ min: 0, max: 1, noNaN: true }),
  })

  it('keeps every bound, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0, 1, 20, 100),
        fc.constantFrom(0, 10, 500),
        fc.constantFrom(50, 1000, FOREVER),
        (turns, maxSpinUs, restUs, workUs) => {
          const { pace, allowed } = made(maxSpinUs)
          Object.assign(allowed, { restUs, workUs })
          const wakesBefore = pace.wakes
          const { spins, pauses, spinStretchUs, endUs } = runModel(pace, turns)
          expect(pace.spinUs).toBeGreaterThanOrEqual(0)
          expect(pace.spinUs).toBeLessThanOrEqual(maxSpinUs)
          expect(spinStretchUs).toBeLessThanOrEqual(maxSpinUs)
          expect(pace.spunUs).toBeLessThanOrEqual(Math.min(endUs, spins * MAX_SPIN_TURN_US))
          expect(pace.wakes - wakesBefore).toBe(pauses.length)
          for (const us of pauses) {
            expect(us).toBeGreaterThanOrEqual(0)
            expect(us).toBeLessThanOrEqual(restUs > 0 ? restUs : TICK_US)
          }
          if (restUs > 0) expect(spins).toBe(0)
        },
      ),
    )
  })

  it('does not miss a tick by more than the turn in which it falls', () => {
    const { pace } = made()
    const turns = Array.from({ length: 2000 }, (_, at) => ({ hasWork: at % 7 < 3, us: 40, sleptPart: 1 }))
    const { ticks, endUs } = runModel(pace, turns)
    expect(ticks.length).toBeGreaterThan(10)
    for (const [at, tickUs] of [...ticks, endUs].entries())
      expect(tickUs - (ticks[at - 1] ?? 0)).toBeLessThanOrEqual(TICK_US + 40)
  })

  it('works no longer at a stretch than the controller says', () => {
    const { pace, allowed } = made()
    Object.assign(allowed, { restUs: 100, workUs: 500 })
    const turns = Array.from({ length: 1000 }, () => ({ hasWork: true, us: 20, sleptPart: 1 }))
    const { pauses, endUs } = runModel(pace, turns)
    // Each round: 500 us of turns, the one that is under way then, 100 us of rest.
    expect(pauses.length).toBe(Math.floor(endUs / 620))
  })

  it('does the same again for the same story', () => {
    const turns = Array.from({ length: 500 }, (_, at) => ({
      hasWork: at % 11 < 4,
      us: 1 + (at % 13),
      sleptPart: (at % 5) / 5,
    }))
    expect(runModel(made().pace, turns)).toEqual(runModel(made().pace, turns))
  })
})
