import { describe, expect, it } from 'vitest'
import { expandStudy } from '../study/expand.js'
import { listStudies, loadStudy } from '../study/load.js'
import { WORKLOADS } from '../workload/registry.js'
import { estimateStudy } from './estimate.js'

const workloads = new Map(WORKLOADS.map((workload) => [workload.name, workload]))
/** A study whose every cell needs all its rounds still ends within so long; one of an emulated machine. */
const LONGEST_MIN = 33
const LONGEST_EMULATED_MIN = 75

describe('estimateStudy', () => {
  it.each(
    listStudies().map(({ study }) => [study.name, study] as const),
  )('estimateStudy lies about where %s says that it takes, and not too long', (name, {
    guests,
    takesMin,
  }) => {
    const kind = guests === 'best' ? 'uml' : guests
    const { leastS, mostS } = estimateStudy(expandStudy(loadStudy(name, kind), { workloads, guests: kind }))
    expect(takesMin).toBeGreaterThanOrEqual(Math.floor(leastS / 60))
    expect(takesMin).toBeLessThanOrEqual(Math.ceil(mostS / 60) + 1)
    expect(mostS / 60).toBeLessThan(kind === 'xen' ? LONGEST_EMULATED_MIN : LONGEST_MIN)
  })
})
