/** The points of a sweep: the data of a model with some settings changed. */
import { createHash } from 'node:crypto'
import { RingferryError } from '../errors/errors.js'
import { Streams } from '../sim/streams.js'
import type { Factors } from './model-schema.js'

export type FactorValue = number | string | boolean

/** One point. */
export interface SweepPoint {
  /** Of its data and seed: the same point of the same sweep has the same one, on every machine. */
  readonly id: string
  readonly factors: Readonly<Record<string, FactorValue>>
  /** A model file's data. */
  readonly data: unknown
}

/** A point of such data. @param data a model file's */
export function pointOf(data: unknown, factors: SweepPoint['factors'], seed: number): SweepPoint {
  const id = createHash('sha256')
    .update(JSON.stringify([data, seed]))
    .digest('hex')
    .slice(0, 16)
  return { id, factors, data }
}

const MOST_POINTS = 100_000

/** "vms[0].count" as steps. Throws CONFIG. */
function pathOf(name: string): (string | number)[] {
  if (!/^[a-zA-Z]\w*(\[\d+\]|\.[a-zA-Z][\w ,-]*)*$/.test(name))
    throw new RingferryError(
      'CONFIG',
      `sweep.factors: "${name}" names no setting; write it as "vms[0].count"`,
    )
  return [...name.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part))
}

/** Data with one setting changed. Throws CONFIG where there is nothing to change. */
function withSetting(data: unknown, name: string, value: FactorValue): unknown {
  const copy = structuredClone(data)
  const path = pathOf(name)
  let at = copy as Record<string | number, unknown>
  for (const [depth, step] of path.entries()) {
    if (depth === path.length - 1) at[step] = value
    else {
      if (at[step] === undefined && typeof step === 'string' && typeof path[depth + 1] === 'string')
        at[step] = {}
      const next = at[step]
      if (typeof next !== 'object' || next === null)
        throw new RingferryError(
          'CONFIG',
          `sweep.factors: "${name}": the model has no ${path.slice(0, depth + 1).join('.')}`,
        )
      at = next as Record<string | number, unknown>
    }
  }
  return copy
}

function grid(
  factors: readonly (readonly [string, readonly FactorValue[]])[],
): Record<string, FactorValue>[] {
  return factors.reduce<Record<string, FactorValue>[]>(
    (points, [name, values]) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [{}],
  )
}

/** Each factor's range is cut into as many strata as there are points, each used once. Source: McKay et al. 1979. */
function latin(
  factors: readonly (readonly [
    string,
    readonly FactorValue[] | { readonly from: number; readonly to: number },
  ])[],
  count: number,
  seed: number,
): Record<string, FactorValue>[] {
  const columns = factors.map(([name, values]) => {
    const stream = new Streams(seed).stream(`sweep ${name}`)
    const strata = Array.from({ length: count }, (_, at) => at)
    for (let at = count - 1; at > 0; at--) {
      const other = stream.below(at + 1)
      ;[strata[at], strata[other]] = [strata[other]!, strata[at]!]
    }
    return strata.map((stratum): FactorValue => {
      const place = (stratum + stream.uniform()) / count
      if ('from' in values) return values.from + place * (values.to - values.from)
      return values[Math.floor(place * values.length)]!
    })
  })
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(factors.map(([name], column) => [name, columns[column]![at]!])),
  )
}

/** All points of a sweep. Throws CONFIG. @param data of the model file, its sweep included */
export function sweepPoints(data: unknown, { method, factors, points }: Factors, seed: number): SweepPoint[] {
  const { sweep: _, ...base } = data as Record<string, unknown>
  const entries = Object.entries(factors)
  if (entries.length === 0)
    throw new RingferryError('CONFIG', 'sweep.factors is empty: there is nothing to change')
  let chosen: Record<string, FactorValue>[]
  if (method === 'latin') {
    if (points === undefined)
      throw new RingferryError('CONFIG', 'sweep.points is missing: latin needs to know how many')
    chosen = latin(entries, points, seed)
  } else {
    const lists = entries.map(([name, values]): readonly [string, readonly FactorValue[]] => {
      if (Array.isArray(values)) return [name, values]
      throw new RingferryError(
        'CONFIG',
        `sweep.factors: "${name}" is a range; a grid needs values, ranges are for latin`,
      )
    })
    const count = lists.reduce((product, [, values]) => product * values.length, 1)
    if (count > MOST_POINTS)
      throw new RingferryError(
        'CONFIG',
        `sweep: ${count} points; at most ${MOST_POINTS}, or choose method: latin`,
      )
    chosen = grid(lists)
  }
  return chosen.map((point) => {
    const changed = Object.entries(point).reduce(
      (model, [name, value]) => withSetting(model, name, value),
      base as unknown,
    )
    return pointOf(changed, point, seed)
  })
}
