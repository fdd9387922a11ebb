import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { check, firstMistake } from './schema-check.js'

const words = (schema: z.ZodType, data: unknown): string[] =>
  (check(schema, data, 'the body').mistakes ?? []).map(({ text }) => text)

const group = z.strictObject({
  holdUs: z.number().gt(0).exactOptional(),
  maxFrames: z.int().max(64).exactOptional(),
})
const schema = z.strictObject({
  name: z.string().min(1).max(5).exactOptional(),
  mode: z.enum(['a', 'b']).exactOptional(),
  policy: group.exactOptional(),
  list: z.array(group).min(1).exactOptional(),
  size: z.union([z.int().min(60), z.literal('imix')]).exactOptional(),
  any: z.union([z.string(), z.boolean()]).exactOptional(),
  data: z.base64().exactOptional(),
  even: z.int().multipleOf(2).nullable().exactOptional(),
  map: z.record(z.string().max(3), z.number()).exactOptional(),
  each: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('x'), xs: z.array(z.string()) }),
      z.strictObject({ kind: z.literal('y'), y: z.int() }),
    ])
    .exactOptional(),
})

describe('check', () => {
  it.each<[unknown, string]>([
    [7, 'the body is 7; it must be a group of settings ("name: value")'],
    [undefined, 'the body is missing'],
    [{ name: '' }, 'name is ""; it must not be empty'],
    [{ name: 'x'.repeat(200) }, `name is "${'x'.repeat(99)}...; it must have at most 5 characters`],
    [{ name: 5 }, 'name is 5; it must be a text, in quotes'],
    [{ name: null }, 'name is null; it must be a text'],
    [{ mode: 'c' }, 'mode is "c"; allowed: a, b'],
    [{ policy: { holdUs: 0 } }, 'policy.holdUs is 0; it must be more than 0'],
    [{ policy: { holdUs: '5ms' } }, 'policy.holdUs is "5ms"; it must be a number, in microseconds'],
    [{ policy: { maxFrames: 1.5 } }, 'policy.maxFrames is 1.5; it must be a whole number'],
    [{ policy: [] }, 'policy is []; it must be a group of settings ("name: value")'],
    [{ list: [] }, 'list is []; it must not be empty'],
    [{ list: {} }, 'list is {}; it must be a list'],
    [{ list: [{ maxFrames: 65 }] }, 'list[0].maxFrames is 65; it must be at most 64'],
    [{ size: 20 }, 'size is 20; it must be at least 60'],
    [{ size: 'big' }, 'size is "big"; it must be a number or "imix"'],
    [{ any: 1 }, 'any is 1; it must be a text or true or false'],
    [{ data: '*' }, 'data is "*"; it must be base64'],
    [{ even: 3 }, 'even is 3; it must be a multiple of 2'],
    [{ even: 2 ** 60 }, 'even is 1152921504606847000; it must be at most 9007199254740991'],
    [{ map: { long: 1 } }, 'map.long is 1; it must have at most 3 characters'],
    [{ each: {} }, 'each.kind is missing; allowed: x, y'],
    [{ each: { kind: 'z' } }, 'each.kind is "z"; allowed: x, y'],
    [{ each: { kind: 'x', xs: [1] } }, 'each.xs[0] is 1; it must be a text, in quotes'],
  ])('check says what is wrong with %j', (data, text) => {
    expect(words(schema, data)).toEqual([text])
  })

  it('check says what a group may have when a key is unknown, one mistake a key', () => {
    expect(words(schema, { policy: { holdus: 1, x: 2 } })).toEqual([
      'unknown setting "holdus" (did you mean "holdUs"?); allowed here: holdUs, maxFrames',
      'unknown setting "x"; allowed here: holdUs, maxFrames',
    ])
    expect(words(schema, { each: { kind: 'x', xs: [], why: 1 } })).toEqual([
      'unknown setting "why"; allowed here: kind, xs',
    ])
    expect(words(schema, { list: [{ holdMs: 1 }] })[0]).toContain('allowed here: holdUs, maxFrames')
  })
})

describe('firstMistake', () => {
  it('firstMistake says where a key is unknown, and how many mistakes there are more', () => {
    const first = (data: unknown): string => {
      const { mistakes } = check(schema, data, 'the body')
      return mistakes ? firstMistake(mistakes, 'the body') : ''
    }
    expect(first({ nam: 1 })).toMatch(/^the body: unknown setting "nam" \(did you mean "name"\?\)/)
    expect(first({ list: [{}, { x: 1 }], mode: 'c' })).toMatch(/^mode is "c"; .* \(and 1 more\)$/)
    expect(first({ list: [{}, { x: 1 }] })).toMatch(/^list\[1\]: unknown setting "x"/)
  })
})
