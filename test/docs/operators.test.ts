import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { POLICY_NAMES } from '../../src/aggregation/create.js'
import { engineSchema, PORT_SCHEMAS } from '../../src/config/schema.js'
import { COUNTER_NAMES, DROP_NAMES } from '../../src/core/counters.js'
import { EVENTS } from '../../src/daemon/events.js'
import { ERRORS } from '../../src/errors/errors.js'
import { changesInPlace, type PortSetting } from '../../src/port/change.js'

const page = readFileSync(new URL('../../docs/operators.md', import.meta.url), 'utf8')
const has = (word: string): boolean => page.includes(`\`${word}\``)

describe('docs/operators.md', () => {
  it.each([
    ['counter', COUNTER_NAMES],
    ['drop', DROP_NAMES],
    ['policy', POLICY_NAMES],
    ['event', EVENTS],
    ['setting of a port', Object.values(PORT_SCHEMAS).flatMap(({ shape }) => Object.keys(shape))],
    ['setting of the engine', Object.keys(engineSchema.shape)],
    ['kind of port', Object.keys(PORT_SCHEMAS)],
  ])('names every %s', (_, names) => {
    expect(names.length).toBeGreaterThan(3)
    expect([...new Set(names)].filter((name) => !has(name))).toEqual([])
  })

  it('says which settings a reload changes in place', () => {
    const rows = [...page.matchAll(/^\| ([^|]*) \| (?:the port changes in place|the same;)[^|]*\|$/gm)]
    const named = rows.map(([, cell = '']) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
    const [ofAll = [], [ofHostPorts = '', ...hostKinds] = []] = named
    const kinds = Object.entries(PORT_SCHEMAS) as [keyof typeof PORT_SCHEMAS, { shape: object }][]
    for (const [kind, { shape }] of kinds) {
      const settings = Object.keys(shape) as PortSetting[]
      const written = [...ofAll, ...(hostKinds.includes(kind) ? [ofHostPorts] : [])]
      const inPlace = settings.filter((setting) => changesInPlace(kind, setting))
      expect(inPlace.sort()).toEqual(written.filter((name) => name in shape).sort())
    }
  })

  it('names every exit code', () => {
    for (const { exit } of Object.values(ERRORS)) expect(page).toMatch(new RegExp(`^\\| ${exit} \\|`, 'm'))
  })
})
