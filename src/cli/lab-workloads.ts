import type { Command } from 'commander'
import { z } from 'zod'
import { findWorkload, WORKLOADS } from '../lab/workload/registry.js'
import type { Workload } from '../lab/workload/workload.js'
import { formatTable, print, printJson } from './output.js'

interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly SettingSchema[]
  readonly items?: SettingSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly default?: unknown
  readonly description?: string
}

/** What a setting may be, in words: "1 to 64", "rr or crr". */
function allowed({ type, enum: values, const: only, anyOf, items, ...limits }: SettingSchema): string {
  if (anyOf) return anyOf.map(allowed).join(' or ')
  if (values) return values.join(' or ')
  if (only !== undefined) return String(only)
  if (type === 'array') return `list of ${items?.type ?? 'values'}s`
  if (type === 'boolean') return 'true or false'
  if (type !== 'integer' && type !== 'number') return type ?? 'any'
  const { minimum, maximum = Number.MAX_SAFE_INTEGER, exclusiveMinimum } = limits
  const from = exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`
  if (maximum === Number.MAX_SAFE_INTEGER) return exclusiveMinimum === undefined ? `from ${from}` : `${from}`
  return `${from} to ${maximum}`
}

function settingsOf({ settings }: Workload): Record<string, SettingSchema> {
  const { properties = {} } = z.toJSONSchema(settings, { io: 'input' }) as {
    properties?: Record<string, SettingSchema>
  }
  return properties
}

/** A workload with its settings as text. */
export function workloadText(workload: Workload): string {
  const { name, description, runsOn, needsPeer, gives, draws } = workload
  const rows = Object.entries(settingsOf(workload)).map(([setting, schema]) => [
    `  ${setting}`,
    schema.default === undefined ? '-' : JSON.stringify(schema.default),
    allowed(schema),
    schema.description ?? '',
  ])
  return [
    `${name}: ${description}`,
    `  runs on ${runsOn.join(', ')}${needsPeer ? '; needs a peer' : ''}`,
    `  gives ${gives.join(', ') || 'the metrics of every cell'}`,
    ...(draws.length > 0 ? [`  draws ${draws.join(', ')}`] : []),
    ...(rows.length > 0
      ? [formatTable(['  setting', 'default', 'allowed', 'what'], rows)]
      : ['  no settings']),
  ].join('\n')
}

function listWorkloads(name: string | undefined, { json }: { readonly json?: boolean }): void {
  const chosen = name === undefined ? WORKLOADS : [findWorkload(name)]
  const data = chosen.map((workload) => {
    const { prepare: _, alsoOn: __, settings: ___, ...about } = workload
    return { ...about, settings: settingsOf(workload) }
  })
  if (json) printJson(data)
  else print(chosen.map(workloadText).join('\n\n'))
}

export function addLabWorkloads(lab: Command): void {
  lab
    .command('workloads')
    .argument('[name]', 'this one alone')
    .description('the workloads that studies use: where they run, what they give, their settings')
    .option('--json', 'as one JSON line')
    .addHelpText(
      'after',
      `
Examples:
  ringferry lab workloads
  ringferry lab workloads frames
  ringferry lab workloads --json`,
    )
    .action(listWorkloads)
}
