const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a group of settings ("name: value")',
  record: 'a group of settings ("name: value")',
  null: 'null',
  undefined: 'left out',
}

/** Units that names of settings end with. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Us$/, 'microseconds'],
  [/Ms$/, 'milliseconds'],
  [/[a-z]S$/, 'seconds'],
  [/KiB$/, 'KiB'],
  [/Kb$/, 'KB'],
  [/Mb$/, 'MB'],
  [/Bytes$/, 'bytes'],
  [/Fps$/, 'frames per second'],
]

/** A type of zod's in the words of messages: "a number". */
export function typeWords(type: string): string {
  return TYPES[type] ?? `of type ${type}`
}

/** ", in microseconds" for a number whose name says so; else nothing. */
export function unitWords(type: string, name: string): string {
  if (type !== 'number' && type !== 'int') return ''
  const unit = UNITS.find(([ending]) => ending.test(name))?.[1]
  return unit === undefined ? '' : `, in ${unit}`
}
