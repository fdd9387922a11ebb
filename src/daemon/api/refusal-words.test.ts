/** Whatever is wrong with a request, and wherever: the refusal says so in the project's words, with the place. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type JsonSchema, ofSchema } from '../../../test/support/json-arbitrary.js'
import { RingferryError } from '../../errors/errors.js'
import { checked } from './failure.js'
import { ROUTES } from './routes.js'

/** How zod begins what it says. */
const ZOD_WORDS = /invalid |too (big|small)|unrecognized|expected|received|matching|nonoptional/i

const PARTS = ROUTES.flatMap(({ method, path, ...route }) =>
  (['params', 'query', 'headers', 'body'] as const).flatMap((part) => {
    const schema: z.ZodType | undefined = route[part]
    return schema ? [{ title: `${part} of ${method} ${path}`, schema }] : []
  }),
)

/** All places within a value, the value itself first. */
function placesOf(value: unknown, path: readonly PropertyKey[] = []): (readonly PropertyKey[])[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, each]) =>
          placesOf(each, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : []
  return [path, ...inner]
}

function replaced(value: unknown, [step, ...rest]: readonly PropertyKey[], by: unknown): unknown {
  if (step === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<PropertyKey, unknown>
  copy[step] = replaced(copy[step], rest, by)
  return copy
}

const WRONG = fc.oneof(
  fc.constantFrom<unknown>(null, '', '5ms', '100us', 'x'.repeat(5_000), -1, 0, 1.5, 1e300, 2 ** 53, true),
  fc.constantFrom<unknown>([], {}, [[]], [null], { no: { such: 1 } }, { kind: 'no' }, { kind: {} }),
  fc.jsonValue(),
)

describe('refusals of a request', () => {
  it.each(PARTS)('the $title is refused in the words of the project, with the place', ({ schema }) => {
    const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema & {
      $defs?: Record<string, JsonSchema>
    }
    const wrong = ofSchema(json, json.$defs ?? {}).chain((value) =>
      fc
        .tuple(fc.constantFrom(...placesOf(value)), WRONG)
        .map(([path, by]) => ({ path, data: replaced(value, path, by) })),
    )
    const refusals = new Set<string>()
    fc.assert(
      fc.property(
        fc.oneof(
          wrong,
          WRONG.map((data) => ({ path: [], data })),
        ),
        ({ data }) => {
          try {
            checked(schema, data, 'the request')
          } catch (error) {
            if (!(error instanceof RingferryError)) throw error
            const { code, message } = error
            refusals.add(message)
            expect(code).toBe('USAGE')
            // Values are shown in quotes; what is around them is ours.
            expect(message.replace(/"[^"]*"|"[^"]*$/g, '')).not.toMatch(ZOD_WORDS)
            expect(message).not.toMatch(/\n/)
            expect(message).toMatch(/^(the request|[\w.[\]-]+).* (is|are|unknown|missing)/)
          }
        },
      ),
      { numRuns: 200 },
    )
    expect(refusals.size).toBeGreaterThan(0)
  })
})
