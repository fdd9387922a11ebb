import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { demoJsonSchema, demoResultSchema } from './result.js'

const file = fileURLToPath(new URL('../../../docs/schema/demo.schema.json', import.meta.url))
const run = {
  guestKind: 'uml',
  mode: 'natural',
  direction: 'to_vm',
  mbps: 2500.5,
  rttUs: 120,
  frames: 1000,
  calls: 10,
  drops: { ring_full: 3 },
}

describe('demoResultSchema', () => {
  it('demoResultSchema takes a result and refuses other directions, negative counts and additions', () => {
    const check = (more: object) =>
      demoResultSchema.safeParse({ machine: {}, runs: [{ ...run, ...more }] }).success
    expect(check({})).toBe(true)
    expect(check({ rttUs: null })).toBe(true)
    expect(check({ direction: 'tx' })).toBe(false)
    expect(check({ frames: -1 })).toBe(false)
    expect(check({ speed: 1 })).toBe(false)
  })
})

describe('demoJsonSchema', () => {
  it('demoJsonSchema is the published schema', async () => {
    await expect(`${JSON.stringify(demoJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(file)
  })
})
