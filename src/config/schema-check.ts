/**
 * Data held against a schema. What zod finds is said in the project's words, with the place: no word of zod's own reaches
 * people.
 */
import type { z } from 'zod'
import { pathText } from '../errors/setting-error.js'
import { shownValue } from '../errors/shown-value.js'
import { didYouMean } from '../errors/suggestion.js'
import { allowedKeys, allowedKinds } from './schema-place.js'
import { typeWords, unitWords } from './type-words.js'

type Path = readonly PropertyKey[]
type Issue = z.core.$ZodIssue

/** One mistake: where in the data, and the text. `key`: the path names a key, not a value. */
export interface Mistake {
  readonly path: Path
  readonly text: string
  readonly key?: boolean
}

export type Checked<Value> =
  | { readonly value: Value; readonly mistakes?: undefined }
  | { readonly value?: undefined; readonly mistakes: readonly [Mistake, ...Mistake[]] }

/** What is at a path of the data. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    data,
  )
}

const COUNTED: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'entries',
  set: 'entries',
  object: 'settings',
  record: 'settings',
}
const FORMATS: Readonly<Record<string, string>> = {
  base64: 'it must be base64',
  datetime: 'it must be a time in ISO 8601 and UTC, "2026-01-31T12:00:00Z"',
}

function bound(
  { origin = '', inclusive = true }: z.core.$ZodRawIssue,
  isLow: boolean,
  limit: unknown,
): string {
  const word = inclusive === false ? (isLow ? 'more than' : 'less than') : isLow ? 'at least' : 'at most'
  const counted = COUNTED[String(origin)]
  if (counted !== undefined && isLow && limit === 1) return 'it must not be empty'
  return counted === undefined
    ? `it must be ${word} ${String(limit)}`
    : `it must have ${word} ${String(limit)} ${counted}`
}

/** Each way in which the members of a union could be satisfied. */
function alternatives(errors: readonly (readonly Issue[])[]): string {
  const first = errors.flatMap(([issue]) => (issue ? [issue] : []))
  // The member whose type is right is the one that was meant.
  const near = first.find(({ code }) => code !== 'invalid_type' && code !== 'invalid_value')
  if (near) return near.message
  const ways = first.map((issue) =>
    issue.code === 'invalid_type'
      ? typeWords(issue.expected)
      : issue.code === 'invalid_value'
        ? issue.values.map((value) => shownValue(value)).join(' or ')
        : issue.message,
  )
  return `it must be ${[...new Set(ways)].join(' or ')}`
}

/** What is wrong with a value, to follow "NAME is VALUE; ". */
function problemOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `it must be ${typeWords(String(issue.expected))}`
    case 'invalid_value':
      return `allowed: ${(issue.values as unknown[]).map(String).join(', ')}`
    case 'too_small':
      return bound(issue, true, issue.minimum)
    case 'too_big':
      return bound(issue, false, issue.maximum)
    case 'not_multiple_of':
      return `it must be a multiple of ${String(issue.divisor)}`
    case 'invalid_format':
      return (
        FORMATS[String(issue.format)] ?? `it must be written like ${String(issue.pattern ?? issue.format)}`
      )
    case 'invalid_union':
      return alternatives((issue.errors as Issue[][] | undefined) ?? [])
    case 'invalid_key':
    case 'invalid_element':
      return (issue.issues as Issue[] | undefined)?.[0]?.message ?? 'it cannot be so'
    default:
      return 'it cannot be so'
  }
}

function mistakesOf(issue: Issue, schema: z.ZodType, data: unknown, whole: string): Mistake[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    const allowed = allowedKeys(schema, path, data)
    const known = allowed.length > 0 ? `; allowed here: ${allowed.join(', ')}` : ''
    return issue.keys.map((key) => ({
      path: [...path, key],
      text: `unknown setting ${shownValue(key)}${didYouMean(key, allowed)}${known}`,
      key: true,
    }))
  }
  const value = valueAt(data, path)
  const kinds = issue.code === 'invalid_union' ? allowedKinds(schema, path, data) : []
  const problem = kinds.length > 0 ? `allowed: ${kinds.join(', ')}` : issue.message
  const name = pathText(path) || whole
  if (value === undefined) {
    const more = problem.startsWith('allowed: ') ? `; ${problem}` : ''
    return [{ path: path.slice(0, -1), text: `${name} is missing${more}` }]
  }
  const isObject = typeof value === 'object' && value !== null && issue.code === 'custom'
  const shown = isObject ? `${name}: ` : `${name} is ${shownValue(value)}; `
  const more =
    issue.code !== 'invalid_type'
      ? ''
      : issue.expected === 'string' && typeof value === 'number'
        ? ', in quotes'
        : unitWords(issue.expected, String(path.at(-1)))
  return [{ path, text: `${shown}${problem}${more}` }]
}

/** Checks data, to the end. @param whole what the data is called when the mistake is in all of it */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
  whole: string,
): Checked<z.infer<Schema>> {
  const result = schema.safeParse(data, { error: problemOf })
  if (result.success) return { value: result.data }
  const mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue, schema, data, whole))
  return { mistakes: mistakes as [Mistake, ...Mistake[]] }
}

/** The first of them, in one line, for texts without lines and columns. */
export function firstMistake([first, ...others]: readonly [Mistake, ...Mistake[]], whole: string): string {
  const where = first.key ? `${pathText(first.path.slice(0, -1)) || whole}: ` : ''
  return `${where}${first.text}${others.length > 0 ? ` (and ${others.length} more)` : ''}`
}
