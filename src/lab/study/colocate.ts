/**
 * The cells of a colocation group: each load alone, and each unordered pair, a load beside itself included. The
 * VMs of the bed come in pairs: (victim, its peer), (aggressor, its peer). A bed is the same for all cells: a
 * load alone has an idle neighbour.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import type { Factors } from '../record/record.js'
import type { Study } from './study.js'

/** Factor value of a load that runs alone. */
export const ALONE = 'none'

type Colocate = NonNullable<Study['colocate']>
type Use = Readonly<Record<string, unknown>>

/** A cell before its placeholders are filled in. `paths`: where its parts stand in the study. */
export interface CellTemplate {
  readonly factors: Factors
  readonly bed: Readonly<Record<string, unknown>>
  readonly bedPath: readonly PropertyKey[]
  readonly uses: readonly {
    readonly use: Use
    readonly path: readonly PropertyKey[]
    readonly values: Readonly<Record<string, unknown>>
  }[]
  readonly window:
    | { readonly warmUpS?: number | undefined; readonly measureS?: number | undefined }
    | undefined
}

/** All cells of a colocation group, isolation by isolation. @param vms names of the bed's VMs, in pairs */
export function colocateCells(colocate: Colocate, vms: readonly string[]): CellTemplate[] {
  const loads = Object.entries(colocate.loads)
  const path = ['colocate', 'loads']
  const seat = (which: 0 | 1): Record<string, unknown> => {
    const [vm, peer] = [vms[2 * which], vms[2 * which + 1]]
    return { ...(vm === undefined ? {} : { vm }), ...(peer === undefined ? {} : { peer }) }
  }
  const member = ([name, use]: readonly [string, Use], label: string, which: 0 | 1) => ({
    use: { ...use, label },
    path: [...path, name],
    values: seat(which),
  })
  return colocate.isolation.flatMap((isolation) => {
    const { switch: settings, ...bed } = colocate.bed as { switch?: object }
    const cell = (factors: Factors, uses: CellTemplate['uses']): CellTemplate => ({
      factors: { ...factors, isolation },
      bed: { ...bed, switch: { ...settings, isolation } },
      bedPath: ['colocate', 'bed'],
      uses,
      window: undefined,
    })
    const alone = loads.map((load) =>
      cell({ victim: load[0], aggressor: ALONE }, [member(load, 'victim', 0)]),
    )
    const pairs = loads.flatMap((first, index) =>
      loads
        .slice(index)
        .map((second) =>
          cell({ victim: first[0], aggressor: second[0] }, [
            member(first, 'victim', 0),
            member(second, 'aggressor', 1),
          ]),
        ),
    )
    return [...alone, ...pairs]
  })
}

const chosenSchema = z.object({
  loads: z.record(
    z.string(),
    z.looseObject({ run: z.string(), settings: z.record(z.string(), z.unknown()).optional() }),
  ),
})

/**
 * The loads that a run of the study `representative` chose: RUN/chosen.json, as its report leaves it. Their VMs
 * become "$vm" and "$peer". Throws NOT_FOUND, CONFIG.
 */
export function readChosenLoads(run: string): Colocate['loads'] {
  const file = join(run, 'chosen.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EACCES')
      throw new RingferryError('PERMISSION', `${file}: cannot be read (${code}); make it readable`, { cause })
    throw new RingferryError(
      'NOT_FOUND',
      `${file}: not there; --loads-from takes a run of the study representative (ringferry lab report RUN writes it)`,
      { cause },
    )
  }
  let loads: z.infer<typeof chosenSchema>['loads']
  try {
    loads = chosenSchema.parse(JSON.parse(text)).loads
  } catch (cause) {
    throw new RingferryError('CONFIG', `${file}: not a set of chosen loads; write it anew (lab report)`, {
      cause,
    })
  }
  const entries = Object.entries(loads).map(([name, { run: workload, peer, settings }]) => [
    name,
    {
      run: workload,
      vm: '$vm',
      ...(peer === undefined ? {} : { peer: '$peer' }),
      settings: settings ?? {},
    },
  ])
  if (entries.length === 0)
    throw new RingferryError('CONFIG', `${file}: it names no load; run the study again`)
  return Object.fromEntries(entries) as Colocate['loads']
}
