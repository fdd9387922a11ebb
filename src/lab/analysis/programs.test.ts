import { expect, it } from 'vitest'
import { mixedPrograms, mixedProgramsText } from './programs.js'
import type { RunCell } from './run-cells.js'

const cell = (id: string, ...programs: (string | undefined)[]): RunCell =>
  ({
    id,
    measurements: programs.map((program) => ({
      workloads: [{ workload: 'bulk', ran: program === undefined ? {} : { program } }],
    })),
    twins: [],
  }) as unknown as RunCell

it('mixedPrograms finds nothing when a workload was one program everywhere', () => {
  expect(mixedPrograms([cell('a', 'iperf 3.12', 'iperf 3.12'), cell('b', 'iperf 3.12', undefined)])).toEqual(
    [],
  )
  expect(mixedPrograms([])).toEqual([])
})

it('mixedPrograms names the cells of each program, those of a single odd round too', () => {
  const [mixed] = mixedPrograms([cell('a', 'iperf 3.12', 'own'), cell('b', 'iperf 3.12')])
  expect(mixed && mixedProgramsText(mixed)).toBe(
    'Caution: bulk ran as different programs: iperf 3.12 in a, b; own in a. Do not compare these cells with each other.',
  )
})
