/** The page of metrics, the dashboard and the alert rules against the metrics that there are. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { LabelValues } from '../../src/daemon/metrics/family.js'
import { FAMILIES } from '../../src/daemon/metrics/metrics.js'

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url)
const read = (path: string): string => readFileSync(at(path), 'utf8')
const RULES = 'packaging/prometheus/ringferry.rules.yml'

/** Series by name with their labels; those that Prometheus adds are on all. */
const SERIES = new Map<string, Readonly<Record<string, LabelValues>>>(
  FAMILIES.flatMap((family) => {
    const labels = { ...family.labels, instance: 'text', job: 'text' } as const
    if (family.type !== 'histogram') return [[family.name, labels]]
    const parts = ['_sum', '_count'].map((part): [string, typeof labels] => [family.name + part, labels])
    return [[`${family.name}_bucket`, { ...labels, le: 'text' as const }], ...parts]
  }),
)

/** What is wrong with a query. */
function mistakesOf(query: string): string[] {
  // Grafana's own variables stand for values.
  const text = query.replaceAll('$__rate_interval', '1m')
  const mistakes: string[] = []
  const names: string[] = []
  parser.parse(text).iterate({
    enter(node) {
      const said = text.slice(node.from, node.to)
      if (node.type.isError) mistakes.push(`no PromQL at ${node.from}: ${text}`)
      if (node.name === 'VectorSelector') mistakes.push(...selectorMistakes(said, names))
      if (node.name === 'GroupingLabels')
        for (const [label] of said.matchAll(/\w+/g))
          if (![...SERIES.values()].some((labels) => label in labels))
            mistakes.push(`no label ${label}: ${text}`)
    },
  })
  if (names.length === 0) mistakes.push(`no metric: ${text}`)
  return mistakes
}

function selectorMistakes(selector: string, names: string[]): string[] {
  const [, name = '', matchers = ''] = /^([\w:]+)(?:\{(.*)\})?$/s.exec(selector) ?? []
  names.push(name)
  const labels = SERIES.get(name)
  if (!labels) return [`no metric ${name}`]
  return [...matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
    ([, label = '', , value = '']) => {
      const known = labels[label]
      if (known === undefined) return [`${name} has no label ${label}`]
      if (typeof known === 'string' || value.startsWith('$')) return []
      return value.split('|').flatMap((word) => (known.includes(word) ? [] : [`${label} is never ${word}`]))
    },
  )
}

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<string, string>>
}

describe('mistakesOf', () => {
  it.each([
    ['rate(ringferry_port_frames[5m])', 'no metric'],
    ['ringferry_port_state{state="gone"}', 'never gone'],
    ['ringferry_port_state{vm="g1"}', 'no label vm'],
    ['sum by (vm) (ringferry_ports)', 'no label vm'],
    ['rate(ringferry_ports[5m]', 'no PromQL'],
    ['1 + 1', 'no metric'],
  ])('finds what is wrong with %s', (query, mistake) => {
    expect(mistakesOf(query).join()).toContain(mistake)
  })
})

describe('packaging/grafana/ringferry.json', () => {
  const { panels, templating } = JSON.parse(read('packaging/grafana/ringferry.json')) as {
    readonly panels: readonly Panel[]
    readonly templating: { readonly list: readonly { readonly definition?: string }[] }
  }

  it('asks for metrics and labels that there are', () => {
    const targets = panels.flatMap((panel) => panel.targets ?? [])
    expect(targets.length).toBeGreaterThan(15)
    expect(targets.flatMap(({ expr }) => mistakesOf(expr))).toEqual([])
  })

  it('has variables that are made of metrics that there are', () => {
    const queries = templating.list.flatMap(({ definition = '' }) => [
      ...definition.matchAll(/label_values\((.*), (\w+)\)/g),
    ])
    expect(queries).toHaveLength(2)
    for (const [, selector = ''] of queries) expect(mistakesOf(selector)).toEqual([])
  })
})

describe(RULES, () => {
  const { groups } = parse(read(RULES)) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
  const rules = groups.flatMap((group) => group.rules)

  it('asks for metrics and labels that there are', () => {
    expect(rules.length).toBeGreaterThan(5)
    expect(rules.flatMap(({ expr }) => mistakesOf(expr))).toEqual([])
  })

  it('says of each alert what it is and what to do', () => {
    for (const { annotations } of rules) expect(Object.keys(annotations)).toEqual(['summary', 'description'])
  })

  it('is taken by promtool where that is installed', () => {
    const promtool = spawnSync('promtool', ['check', 'rules', fileURLToPath(at(RULES))], { encoding: 'utf8' })
    if (promtool.error)
      console.log('promtool is not installed: the rules were held against our own checks only')
    else expect(promtool.status, promtool.stderr).toBe(0)
  })
})

it('docs/metrics.md has all metrics, as the build writes them', async () => {
  const { withTable } = await import(at('tools/metrics-page.mjs').href)
  const page = read('docs/metrics.md')
  expect(withTable(page, FAMILIES)).toBe(page)
})
