/** Where in a schema a path of the data leads: several places where nothing says which member of a union is meant. */
import type { z } from 'zod'

type Path = readonly PropertyKey[]
type Schema = z.core.$ZodType

/** What is read of a schema's definition; what there is depends on its type. */
interface Def {
  readonly innerType?: Schema
  readonly in?: Schema
  readonly shape?: Readonly<Record<string, Schema>>
  readonly element?: Schema
  readonly valueType?: Schema
  readonly items?: readonly Schema[]
  readonly options?: readonly Schema[]
  readonly discriminator?: string
  /** Of a literal. */
  readonly values?: readonly unknown[]
}

const defOf = (schema: Schema): Def => schema._zod.def as unknown as Def

/** Without what makes it optional, nullable, or gives it a default. */
function bare(schema: Schema): Schema {
  const { innerType, in: input } = defOf(schema)
  const inner = innerType ?? input
  return inner === undefined ? schema : bare(inner)
}

const shapeOf = (schema: Schema): Readonly<Record<string, Schema>> => defOf(bare(schema)).shape ?? {}
const literals = (schema: Schema | undefined): readonly unknown[] => (schema && defOf(schema).values) ?? []
const childOf = (data: unknown, key: PropertyKey): unknown =>
  (data as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key]

/** The members of a union that the data may be meant for: where a key says which, that one. What is no union: itself. */
function members(schema: Schema, data: unknown): readonly Schema[] {
  const { options, discriminator: key } = defOf(bare(schema))
  if (options === undefined) return [bare(schema)]
  return options
    .filter((each) => key === undefined || literals(shapeOf(each)[key]).includes(childOf(data, key)))
    .map(bare)
}

/** What a step leads to: a key of an object or record, an item of a list. */
function inside(schema: Schema, step: PropertyKey): Schema | undefined {
  const { element, valueType, items } = defOf(schema)
  return shapeOf(schema)[String(step)] ?? element ?? valueType ?? items?.[Number(step)]
}

function schemasAt(schema: Schema, [step, ...rest]: Path, data: unknown): readonly Schema[] {
  if (step === undefined) return [schema]
  return members(schema, data).flatMap((each) => {
    const next = inside(each, step)
    return next === undefined ? [] : schemasAt(next, rest, childOf(data, step))
  })
}

/** The keys that the object at a path may have. */
export function allowedKeys(schema: Schema, path: Path, data: unknown): string[] {
  const value = path.reduce(childOf, data)
  const objects = schemasAt(schema, path, data).flatMap((each) => members(each, value))
  return [...new Set(objects.flatMap((each) => Object.keys(shapeOf(each))))]
}

/** What the key at a path may be, where it says which member of a union is meant; else nothing. */
export function allowedKinds(schema: Schema, path: Path, data: unknown): string[] {
  const key = String(path.at(-1))
  return schemasAt(schema, path.slice(0, -1), data).flatMap((each) => {
    const { options = [], discriminator } = defOf(bare(each))
    return discriminator === key
      ? options.flatMap((option) => literals(shapeOf(option)[key]).map(String))
      : []
  })
}
