const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of settings ("name: value")',
}

/** A type of zod's in the words of messages: "a number". */
export function typeWords(type: string): string {
  return TYPES[type] ?? `of type ${type}`
}
