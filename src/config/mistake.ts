/** What zod finds wrong, as one line of text. */
import type { z } from 'zod'
import { pathText } from '../errors/setting-error.js'
import { shownValue } from '../errors/shown-value.js'
import { typeWords } from './type-words.js'

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    data,
  )
}

/** The first thing wrong: where in the data it stands, and the text. `key`: a name is wrong, not a value. */
export interface Mistake {
  readonly path: readonly PropertyKey[]
  readonly text: string
  readonly key: boolean
}

/** @param whole what the data is called when the mistake is in all of it */
export function firstMistake(error: z.ZodError, data: unknown, whole: string): Mistake {
  const issue = error.issues[0] as z.core.$ZodIssue
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : ''
  const { path } = issue
  const name = pathText(path) || whole
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] as string
    return { path: [...path, key], text: `${name}: unknown setting "${key}"${more}`, key: true }
  }
  const value = valueAt(data, path)
  if (value === undefined) return { path, text: `${name} is missing${more}`, key: false }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String).join(', ')
    return { path, text: `${name} is ${shownValue(value)}; allowed: ${allowed}${more}`, key: false }
  }
  if (issue.code === 'invalid_type')
    return {
      path,
      text: `${name} is ${shownValue(value)}; it must be ${typeWords(issue.expected)}${more}`,
      key: false,
    }
  const words = issue.message.replace(/^./, (letter) => letter.toLowerCase())
  const shown = typeof value === 'object' && value !== null ? '' : ` is ${shownValue(value)}`
  return { path, text: `${name}${shown}: ${words}${more}`, key: false }
}
