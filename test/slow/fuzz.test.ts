import { describe, expect, it } from 'vitest'
import { fuzzRings } from '../../fuzz/hostile-guest.js'
import { fuzzNetif } from '../../fuzz/hostile-netfront.js'
import { EVENT_LIMIT_MS } from '../support/step-until.js'

/** Seconds of fuzzing by request; without one a number of rounds, whatever the machine does besides. */
const SECONDS = process.env.RINGFERRY_FUZZ_SECONDS
const ROUNDS = 600
const LIMIT_MS = SECONDS === undefined ? EVENT_LIMIT_MS : Number(SECONDS) * 500
const SEED = Number(process.env.RINGFERRY_FUZZ_SEED ?? Date.now() & 0x7fffffff)

describe('a hostile guest', () => {
  it.each([
    ['whole', 256],
    ['granule by granule', 32],
  ])(
    'disturbs nobody when it is mapped %s, and can attach again after it was detached',
    (_, megabytes) => {
      const options = {
        seed: SEED,
        rounds: SECONDS === undefined ? ROUNDS : Number.MAX_SAFE_INTEGER,
        timeMs: LIMIT_MS,
      }
      const result = fuzzRings({ ...options, memoryBytes: megabytes * 2 ** 20 })
      expect({ seed: SEED, round: result.rounds, failure: result.failure }).toMatchObject({
        failure: undefined,
      })
      expect(result.honest).toBe(result.rounds)
      expect(result.rounds).toBeGreaterThan(20)
      expect([...result.detachments.keys()].join()).toMatch(/ring [01]: /)
    },
    2 * LIMIT_MS + 20_000,
  )
})

describe('a hostile netfront', () => {
  it(
    'disturbs nobody, and another can connect after it was detached',
    () => {
      const result = fuzzNetif({
        seed: SEED,
        rounds: SECONDS === undefined ? ROUNDS : Number.MAX_SAFE_INTEGER,
        timeMs: LIMIT_MS,
      })
      expect({ seed: SEED, round: result.rounds, failure: result.failure }).toMatchObject({
        failure: undefined,
      })
      expect(result.honest).toBe(result.rounds)
      expect(result.rounds).toBeGreaterThan(20)
      expect([...result.detachments.keys()].join()).toMatch(/tx ring [0-2]: /)
    },
    2 * LIMIT_MS + 20_000,
  )
})
