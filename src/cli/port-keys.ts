/** The keys of a port for the help of `ringferry up`: made from the configuration's schema, so that none is forgotten. */
import { z } from 'zod'
import { PORT_KINDS, PORT_SCHEMAS } from '../config/schema.js'
import { outputColumns } from './output.js'
import { PORT_FLAGS } from './port-flags.js'
import { wrap } from './text-width.js'

/** What of JSON Schema the port's settings are written in. */
interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly items?: JsonSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly description?: string
}

/** A number from which on a bound is none that a person would meet. */
const UNBOUNDED = 2 ** 32
const MAX_CHOICES = 6
const INDENT = '  '

function valueForm({ type, enum: choices, items, minimum, maximum }: JsonSchema): string {
  if (choices) return choices.length > MAX_CHOICES ? 'NAME' : choices.join('|')
  if (type === 'array') return `${valueForm(items ?? {})}+...`
  if (type === 'boolean') return 'true|false'
  if (type !== 'integer' && type !== 'number') return 'TEXT'
  if (maximum === undefined || maximum > UNBOUNDED) return 'NUMBER'
  return `${minimum ?? 0}..${maximum}`
}

/** "vlan=1..4094" and what it is; of a group its settings. */
function keysOf(properties: Readonly<Record<string, JsonSchema>>, group = ''): (readonly [string, string])[] {
  return Object.entries(properties).flatMap(([name, schema]) =>
    schema.properties
      ? keysOf(schema.properties, `${group}${name}.`)
      : [[`${group}${name}=${valueForm(schema)}`, schema.description ?? ''] as const],
  )
}

/** All keys that may follow NAME=PLACE, those of every kind first. */
export function portKeysHelp(columns: number = outputColumns()): string {
  const kinds = PORT_KINDS.map((kind) => {
    const { properties = {} } = z.toJSONSchema(PORT_SCHEMAS[kind]) as JsonSchema
    const given: readonly string[] = ['kind', 'name', PORT_FLAGS[kind]]
    const rest = Object.entries(properties).filter(([name]) => !given.includes(name))
    return { kind, keys: keysOf(Object.fromEntries(rest)) }
  })
  const inAll = (key: string): boolean => kinds.every(({ keys }) => keys.some(([each]) => each === key))
  const [first = { keys: [] }] = kinds
  const sections = [
    { title: 'Keys of every port:', keys: first.keys.filter(([key]) => inAll(key)) },
    ...kinds.map(({ kind, keys }) => ({
      title: `Keys of --${kind}:`,
      keys: keys.filter(([key]) => !inAll(key)),
    })),
  ]
  return sections
    .filter(({ keys }) => keys.length > 0)
    .map(({ title, keys }) => {
      const lines = keys.flatMap(([key, what]) => wrap(`${key}  ${what}`, columns - INDENT.length, INDENT))
      return [title, ...lines.map((line) => INDENT + line)].join('\n')
    })
    .join('\n')
}
