/**
 * The JSON Schema of a study file: docs/schema/study.schema.json. What a study's own schema leaves open, because
 * placeholders are filled in first, is described here by the schemas that check it then: beds and workloads, in which
 * any single value may be a placeholder.
 */
import { z } from 'zod'
import { bedSchema } from '../bed/bed.js'
import { WORKLOADS } from '../workload/registry.js'
import type { Workload } from '../workload/workload.js'
import { studySchema, workloadUseSchema } from './study.js'

interface Schema {
  [name: string]: unknown
}

const PLACEHOLDER_PATH = '#/$defs/placeholder'
const PLACEHOLDER: Schema = {
  type: 'string',
  pattern: '\\$[a-zA-Z]',
  description: '"$name" stands for the value of a factor; "$guests" for the kind of guests',
}

const jsonSchema = (schema: z.ZodType): Schema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as Schema
  return rest
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mapValues = (schemas: Schema): Schema =>
  Object.fromEntries(
    Object.entries(schemas).map(([name, value]) => [name, isSchema(value) ? orPlaceholder(value) : value]),
  )

/** The same schema, in which every single value may be a placeholder. */
function orPlaceholder(schema: Schema): Schema {
  const { description, ...rest } = schema
  const said = description === undefined ? {} : { description }
  if (isSchema(rest.properties)) return { ...schema, properties: mapValues(rest.properties) }
  if (isSchema(rest.items)) return { ...schema, items: orPlaceholder(rest.items) }
  if (rest.type === 'object') return schema
  return { ...said, anyOf: [rest, { $ref: PLACEHOLDER_PATH }] }
}

/** A bed, whose VMs may be counted groups of them. */
function bed(): Schema {
  const schema = orPlaceholder(jsonSchema(bedSchema))
  const properties = schema.properties as { vms: Schema & { items: Schema } }
  const { items } = properties.vms
  const count = orPlaceholder({
    type: 'integer',
    minimum: 1,
    maximum: 64,
    description: 'So many: name1, name2, ...',
  })
  const vm = { ...items, properties: { count, ...(items.properties as Schema) }, required: ['kind'] }
  const { description, ...vms } = properties.vms
  return {
    ...schema,
    description: 'The switch and its VMs',
    properties: { ...properties, vms: { description, anyOf: [{ ...vms, items: vm }, vm] } },
  }
}

/** The use of a workload with its settings. */
function use({ name, description, settings }: Workload): Schema {
  const schema = jsonSchema(workloadUseSchema)
  const each = { type: 'string', description: 'With "vm: each": how the names of the VMs begin' }
  return {
    ...schema,
    description,
    properties: {
      ...mapValues(schema.properties as Schema),
      run: { const: name, description },
      each,
      settings: { ...orPlaceholder(jsonSchema(settings)), description: `Settings of ${name}` },
    },
  }
}

/** The whole schema. */
export function studyJsonSchema(): object {
  const schema = z.toJSONSchema(studySchema, { io: 'input' }) as unknown as Schema & {
    properties: { cells: { items: Schema }; colocate: { properties: Schema } }
  }
  const { cells, colocate } = schema.properties
  const group = cells.items.properties as { workloads: Schema }
  const workload = { $ref: '#/$defs/workload' }
  return {
    ...schema,
    properties: {
      ...schema.properties,
      cells: {
        ...cells,
        items: {
          ...cells.items,
          properties: {
            ...group,
            bed: { $ref: '#/$defs/bed' },
            workloads: { ...group.workloads, items: workload },
          },
        },
      },
      colocate: {
        ...colocate,
        properties: {
          ...colocate.properties,
          bed: { $ref: '#/$defs/bed' },
          loads: { ...(colocate.properties.loads as Schema), additionalProperties: workload },
        },
      },
    },
    $defs: {
      placeholder: PLACEHOLDER,
      bed: bed(),
      workload: {
        description: 'What runs; its settings are those of lab workloads',
        anyOf: [
          ...WORKLOADS.map(use),
          {
            ...jsonSchema(workloadUseSchema),
            properties: { run: { $ref: PLACEHOLDER_PATH } },
            additionalProperties: true,
          },
        ],
      },
    },
  }
}
