import { describe, expect, it } from 'vitest'
import { findWorkload, WORKLOADS } from '../lab/workload/registry.js'
import { workloadText } from './lab-workloads.js'

describe('workloadText', () => {
  it('workloadText says where a workload runs, what it gives, and each setting with default and limits', () => {
    const text = workloadText(findWorkload('request-response'))
    expect(text).toMatch(/^request-response: .*\.\n {2}runs on .*uml.*; needs a peer\n {2}gives .*p99Us/)
    expect(text).toMatch(/^ {2}draws percentiles$/m)
    expect(text).toMatch(/^ {2}connections +1 +1 to 256 +Transactions under way at once$/m)
    expect(text).toMatch(/^ {2}mode +"rr" +rr or crr +/m)
  })

  it.each(
    WORKLOADS.map((workload) => [workload.name, workload] as const),
  )('workloadText describes every setting of %s', (_, workload) => {
    const text = workloadText(workload)
    expect(text).not.toMatch(/undefined|\[object/)
    for (const line of text.split('\n').slice(1)) expect(line).not.toMatch(/ {3}$/)
  })
})
