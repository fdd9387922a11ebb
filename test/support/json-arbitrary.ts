/** Random values that fit a JSON schema, as far as the API's schemas go; what a pattern wants is given by the caller. */
import fc from 'fast-check'

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
}

type Components = Readonly<Record<string, JsonSchema>>

function ofNumber({ minimum = 0, maximum = 70_000 }: JsonSchema, isWhole: boolean): fc.Arbitrary<unknown> {
  const [min, max] = [Math.max(minimum, -10), Math.min(maximum, 70_000)]
  return isWhole ? fc.integer({ min, max: Math.max(min, max) }) : fc.double({ min, max, noNaN: true })
}

function ofObject(
  { properties = {}, required = [] }: JsonSchema,
  components: Components,
  given: (name: string) => fc.Arbitrary<unknown> | undefined,
): fc.Arbitrary<unknown> {
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      given(name) ?? ofSchema(schema, components, given),
    ]),
  )
  // Few of many settings, or they would exclude each other nearly always.
  const optional = Object.keys(model).filter((name) => !required.includes(name))
  return fc.subarray(optional, { maxLength: Math.min(3, optional.length) }).chain((chosen) => {
    const names = [...required, ...chosen]
    return fc.record(Object.fromEntries(names.map((name) => [name, model[name] ?? fc.jsonValue()])))
  })
}

/**
 * @param components what references lead to
 * @param given values of the properties of a name, in place of what the schema says
 */
export function ofSchema(
  schema: JsonSchema,
  components: Components,
  given: (name: string) => fc.Arbitrary<unknown> | undefined = () => undefined,
): fc.Arbitrary<unknown> {
  const again = (each: JsonSchema): fc.Arbitrary<unknown> => ofSchema(each, components, given)
  if (schema.$ref) return again(components[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const either = schema.anyOf ?? schema.oneOf
  if (either) return fc.oneof(...either.map(again))
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return ofObject(schema, components, given)
    case 'array':
      return fc.array(again(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 })
    case 'integer':
      return ofNumber(schema, true)
    case 'number':
      return ofNumber(schema, false)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return fc.string({ maxLength: 20 })
    default:
      return fc.jsonValue()
  }
}
