import { describe, expect, it } from 'vitest'
import { fuzzRings } from '../../fuzz/hostile-guest.js'

/** Seconds of fuzzing; the default keeps the unit tests short. */
const SECONDS = Number(process.env.RINGFERRY_FUZZ_SECONDS ?? 2)
const SEED = Number(process.env.RINGFERRY_FUZZ_SEED ?? Date.now() & 0x7fffffff)

describe('a hostile guest', () => {
  it.each([
    ['whole', 256],
    ['granule by granule', 32],
  ])(
    'disturbs nobody when it is mapped %s, and can attach again after it was detached',
    (_, megabytes) => {
      const options = { seed: SEED, rounds: Number.MAX_SAFE_INTEGER, timeMs: SECONDS * 500 }
      const result = fuzzRings({ ...options, memoryBytes: megabytes * 2 ** 20 })
      expect({ seed: SEED, round: result.rounds, failure: result.failure }).toMatchObject({
        failure: undefined,
      })
      expect(result.honest).toBe(result.rounds)
      expect(result.rounds).toBeGreaterThan(20)
      expect([...result.detachments.keys()].join()).toMatch(/ring [01]: /)
    },
    SECONDS * 1000 + 20_000,
  )
})
