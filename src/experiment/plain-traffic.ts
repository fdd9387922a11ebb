/** Traffic of a model file with the lab's workloads made into what the simulator runs. */
import type { z } from 'zod'
import type { Path } from '../config/yaml-place.js'
import { RingferryError } from '../errors/errors.js'
import { didYouMean } from '../errors/suggestion.js'
import { type ModelFile, plainTrafficSchema } from './model-schema.js'
import { modelWorkload } from './workload-traffic.js'

/** What a simulator runs, as a file says it. */
export type RunTraffic = z.infer<typeof plainTrafficSchema>
/** An entry, with the place of the one in the file that it comes from. */
export type PlainTraffic = RunTraffic & { readonly entry: number }

export interface Plain {
  readonly traffic: readonly PlainTraffic[]
  /** By VM of the file: share of a processor that workloads compute on it. */
  readonly computes: ReadonlyMap<string, number>
}

type WorkloadEntry = Extract<ModelFile['traffic'][number], { kind: 'workload' }>

/** What is wrong with who takes part, in words. */
function endProblem({ run, vm, peer }: WorkloadEntry, { vms, nics }: ModelFile, hasTraffic: boolean) {
  const vmNames = vms.flatMap(({ name, count = 0 }) => [
    name,
    ...Array.from({ length: count }, (_, at) => `${name}${at + 1}`),
  ])
  if (!vmNames.includes(vm)) return `vm: there is no VM "${vm}"${didYouMean(vm, vmNames)}`
  if (!hasTraffic || peer !== undefined) return undefined
  return `peer is missing: who ${run} of "${vm}" talks to, a NIC or a VM; for example ${nics[0]?.name ?? 'another VM'}`
}

/** Throws CONFIG. @param at words a place in the file */
export function plainTraffic(file: ModelFile, at: (path: Path) => string): Plain {
  const computes = new Map<string, number>()
  const traffic = file.traffic.flatMap((entry, index): PlainTraffic[] => {
    if (entry.kind !== 'workload') return [{ ...entry, entry: index }]
    const fail = (problem: string): never => {
      throw new RingferryError('CONFIG', `${at(['traffic', index])}: traffic[${index}].${problem}`)
    }
    const { run, label, vm, peer = '', settings } = entry
    const made = modelWorkload(run, settings, [vm, peer])
    if (typeof made === 'string') return fail(made)
    const problem = endProblem(entry, file, made.traffic.length > 0)
    if (problem !== undefined) return fail(problem)
    if (made.computes > 0) computes.set(vm, Math.max(made.computes, computes.get(vm) ?? 0))
    return made.traffic.map((each, part) => {
      const name = label ?? `${run} ${vm}`
      const labelled = { ...each, label: made.traffic.length > 1 ? `${name} ${part + 1}` : name }
      const parsed = plainTrafficSchema.safeParse(labelled)
      if (parsed.success) return { ...parsed.data, entry: index }
      return fail(`settings: as a model, ${parsed.error.issues[0]?.message}`)
    })
  })
  return { traffic, computes }
}
