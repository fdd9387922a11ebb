/** A value as messages show it: a line of bounded length, whatever the value is. */

const MAX_SHOWN_CHARACTERS = 100

/** The value as people write it; of a long one the beginning. */
export function shownValue(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value))
  return text.length <= MAX_SHOWN_CHARACTERS ? text : `${text.slice(0, MAX_SHOWN_CHARACTERS)}...`
}
