/** "$name" in a template stands for a value: alone it keeps the value's type, inside a text it becomes text. */

const PLACEHOLDER = /\$([A-Za-z][A-Za-z0-9]*)/g
const ALONE = /^\$([A-Za-z][A-Za-z0-9]*)$/

export type Substitutes = Readonly<Record<string, unknown>>

/** A placeholder that nothing stands for. `path` leads to it inside the template. */
export class UnknownPlaceholder extends Error {
  readonly path: readonly PropertyKey[]

  constructor(name: string, path: readonly PropertyKey[], known: readonly string[]) {
    super(`nothing stands for $${name}; known here: ${known.map((one) => `$${one}`).join(', ') || 'nothing'}`)
    this.path = path
  }
}

/** A copy of plain data with all placeholders filled in. Throws UnknownPlaceholder. */
export function fillIn(template: unknown, values: Substitutes, path: readonly PropertyKey[] = []): unknown {
  if (typeof template === 'string') {
    const look = (name: string): unknown => {
      if (!Object.hasOwn(values, name)) throw new UnknownPlaceholder(name, path, Object.keys(values))
      return values[name]
    }
    const alone = ALONE.exec(template)
    if (alone) return look(alone[1] as string)
    return template.replace(PLACEHOLDER, (_, name: string) => String(look(name)))
  }
  if (Array.isArray(template)) return template.map((item, index) => fillIn(item, values, [...path, index]))
  if (typeof template !== 'object' || template === null) return template
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, fillIn(value, values, [...path, key])]),
  )
}
