/** Which programs made a workload's figures: cells that were measured with different ones cannot be compared. */
import type { RunCell } from './run-cells.js'

/** A workload that ran as more than one program: by program, the cells. */
export interface MixedPrograms {
  readonly workload: string
  readonly cells: ReadonlyMap<string, readonly string[]>
}

/** Workloads whose program was not the same in all cells and rounds. */
export function mixedPrograms(cells: readonly RunCell[]): MixedPrograms[] {
  const found = new Map<string, Map<string, Set<string>>>()
  for (const { id, measurements, twins } of cells)
    for (const { workloads } of [...measurements, ...twins])
      for (const { workload, ran } of workloads) {
        if (typeof ran?.program !== 'string') continue
        const programs = found.get(workload) ?? new Map<string, Set<string>>()
        found.set(workload, programs)
        programs.set(ran.program, (programs.get(ran.program) ?? new Set()).add(id))
      }
  return [...found]
    .filter(([, programs]) => programs.size > 1)
    .map(([workload, programs]) => ({
      workload,
      cells: new Map([...programs].map(([program, ids]) => [program, [...ids]])),
    }))
}

/** One sentence for people. */
export function mixedProgramsText({ workload, cells }: MixedPrograms): string {
  const parts = [...cells].map(([program, ids]) => {
    const shown = ids.slice(0, 4).join(', ')
    return `${program} in ${shown}${ids.length > 4 ? ` and ${ids.length - 4} more` : ''}`
  })
  return `Caution: ${workload} ran as different programs: ${parts.join('; ')}. Do not compare these cells with each other.`
}
