import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { studyJsonSchema } from './json-schema.js'

const top = fileURLToPath(new URL('../../../', import.meta.url))
const schema = studyJsonSchema()
const checked = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])

const FILES = [
  ...readdirSync(`${top}studies`)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => `studies/${file}`),
  'examples/holds.yaml',
]

const study = (): Record<string, unknown> =>
  parse(readFileSync(`${top}studies/policies.yaml`, 'utf8')) as Record<string, unknown>
const withCell = (cell: object): boolean => checked.safeParse({ ...study(), cells: [cell] }).success
const vms = [{ name: 'a', kind: 'uml' }]
const workloads = [{ run: 'idle', vm: 'a' }]

/** Paths of properties that say nothing of themselves. */
function silent(node: unknown, path: string): string[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, value]) => {
    const here = `${path}/${key}`
    if (key !== 'properties') return silent(value, here)
    return Object.entries(value as Record<string, { description?: string; $ref?: string }>).flatMap(
      ([name, property]) => [
        ...(property.description === undefined && property.$ref === undefined ? [`${here}/${name}`] : []),
        ...silent(property, `${here}/${name}`),
      ],
    )
  })
}

describe('studyJsonSchema', () => {
  it('studyJsonSchema describes every property', () => {
    expect(silent(schema, '')).toEqual([])
  })

  it.each(FILES)('studyJsonSchema accepts %s', (file) => {
    expect(checked.safeParse(parse(readFileSync(`${top}${file}`, 'utf8'))).error).toBeUndefined()
  })

  it('studyJsonSchema knows the types of beds and workloads, and placeholders in them', () => {
    expect(withCell({ bed: { vms }, workloads })).toBe(true)
    expect(withCell({ bed: { awake: '$awake', vms: [{ name: 'a', kind: '$guests' }] }, workloads })).toBe(
      true,
    )
    expect(withCell({ bed: { awake: 'often', vms }, workloads })).toBe(false)
    expect(withCell({ bed: { vms: [{ name: 'a', kind: 'docker' }] }, workloads })).toBe(false)
    expect(withCell({ bed: { vms }, workloads: [{ run: 'nothing', vm: 'a' }] })).toBe(false)
    const bulk = (settings: object) => [{ run: 'bulk', vm: 'a', peer: 'b', settings }]
    expect(withCell({ bed: { vms }, workloads: bulk({ connections: '$connections' }) })).toBe(true)
    expect(withCell({ bed: { vms }, workloads: bulk({ connections: 0 }) })).toBe(false)
    expect(withCell({ bed: { vms }, workloads: bulk({ rubbish: 1 }) })).toBe(false)
  })
})
