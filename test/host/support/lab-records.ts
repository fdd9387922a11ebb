/** Records of runs that never ran, with known numbers: for tests of reports. */

import type { z } from 'zod'
import type { Metrics } from '../../../src/lab/record/metrics.js'
import {
  cellName,
  type Factors,
  type Failure,
  type LabRecord,
  type Measurement,
  type RunHeader,
  type WorkloadRun,
} from '../../../src/lab/record/record.js'
import { type Study, studySchema } from '../../../src/lab/study/study.js'

const AT = '2026-01-02T03:04:05.000Z'

/** A study of one cell group that is never expanded; only its report counts. */
export function syntheticStudy(changes: Partial<z.input<typeof studySchema>> = {}): Study {
  return studySchema.parse({
    name: 'synthetic',
    title: 'What crossing costs',
    question: 'How much is left of native throughput?',
    method: 'Made up in a test.',
    notConclude: ['Anything: these numbers were made up.'],
    primary: { metric: 'mbps' },
    rounds: { min: 3, max: 8, halfWidth: 0.2 },
    cells: [{ bed: { vms: [{ name: 'a', kind: 'netns' }] }, workloads: [{ run: 'bulk', vm: 'a' }] }],
    report: [
      { figure: 'bars', title: 'Throughput', value: { metric: 'mbps' }, x: 'place', series: 'direction' },
    ],
    ...changes,
  })
}

export function syntheticHeader(
  study: Study,
  planned: readonly Factors[],
  changes: Partial<RunHeader> = {},
): RunHeader {
  return {
    type: 'run',
    version: 1,
    run: 'synthetic-20260102-030405',
    study: study as unknown as Record<string, unknown>,
    studyHash: 'f00d'.repeat(16),
    seed: 7,
    quick: false,
    guests: 'uml',
    startedAt: AT,
    machine: {
      kernel: '6.1.0-test',
      cpuModel: 'Test CPU @ 2 GHz',
      cores: 2,
      kvm: false,
      loadAverage: [0.1, 0.2, 0.3],
      programs: { iperf3: '3.12' },
    },
    planned: planned.map((factors) => ({ cell: cellName(factors), factors })),
    ...changes,
  }
}

export function syntheticMeasurement(
  factors: Factors,
  round: number,
  workloads: readonly (Partial<WorkloadRun> & { readonly metrics: Metrics })[],
  changes: Partial<Measurement> = {},
): Measurement {
  return {
    type: 'measurement',
    cell: cellName(factors),
    factors,
    round,
    startedAt: AT,
    tookS: 5,
    workloads: workloads.map((run) => ({
      label: 'bulk',
      workload: 'bulk',
      vm: 'a',
      peer: 'b',
      settings: { direction: 'to_vm' },
      ran: { program: 'iperf3', version: '3.12' },
      ...run,
    })) as WorkloadRun[],
    metrics: {},
    cpu: { seconds: 4, guests: { a: 1 }, driverDomain: 1, busy: 3, steal: 0 },
    noise: { verdict: 'quiet', reasons: [], busyRatio: 0.01, stealRatio: 0, mhz: null },
    switch: { kind: 'ringferry', policy: 'adaptive' },
    ...changes,
  }
}

export function syntheticFailure(
  factors: Factors,
  round: number,
  reason: string,
  impossible = false,
): Failure {
  return { type: 'failure', cell: cellName(factors), factors, round, at: AT, reason, impossible }
}

export const FINISHED: LabRecord = { type: 'finished', at: AT, detail: '' }

const place = (name: string, direction: string): Factors => ({ place: name, direction })

/**
 * A run with one figure of each kind, failures, marked cells and an A/A pair, for looking at. Numbers follow simple
 * rules; nothing is by chance.
 */
export function fullSyntheticRun(): { readonly study: Study; readonly records: LabRecord[] } {
  const features = ['meanFrameBytes', 'toVmFps', 'fromVmFps', 'toVmBps'] as const
  const study = syntheticStudy({
    aa: { place: 'native', direction: 'to_vm' },
    report: [
      {
        figure: 'bars',
        title: 'Throughput as a share of native, beside the published figures',
        value: { metric: 'mbps' },
        x: 'place',
        series: 'direction',
        relativeTo: { place: 'native' },
        published: {
          source: 'a paper',
          values: { native: { to_vm: 1 }, driver: { to_vm: 0.69 }, guest: { to_vm: 0.327 } },
        },
      },
      { figure: 'bars', title: 'Throughput', value: { metric: 'mbps' }, x: 'place', series: 'direction' },
      {
        figure: 'lines',
        title: 'Throughput of all VMs together',
        value: { metric: 'mbps', over: 'sum' },
        x: 'vms',
        logX: true,
      },
      {
        figure: 'frontier',
        title: 'Delay against throughput',
        x: { metric: 'p99Us' },
        y: { metric: 'fps' },
        label: 'policy',
        mark: { policy: 'adaptive' },
      },
      { figure: 'matrix', title: 'What neighbours leave', combined: true, where: { isolation: true } },
      {
        figure: 'series',
        title: 'Delay percentiles',
        of: 'bulk',
        name: 'delays',
        series: 'policy',
        xLabel: 'percentile',
        yLabel: 'delay in us',
        logY: true,
      },
      { figure: 'clusters', title: 'Candidates and representatives', features: [...features] },
      {
        figure: 'table',
        title: 'All cells',
        columns: [{ metric: 'mbps' }, { metric: 'p99Us' }, { metric: 'driverCpu' }, { metric: 'ndrFps' }],
      },
    ],
  })
  const records: LabRecord[] = []
  const planned: Factors[] = []
  const wave = (round: number): number => 1 + 0.02 * [0, 1, -1][round % 3]!
  const plan = (factors: Factors, measure: (round: number) => Measurement | Failure): void => {
    planned.push(factors)
    for (let round = 0; round < 3; round++) records.push(measure(round))
  }
  const rates: Readonly<Record<string, number>> = {
    native: 20000,
    driver: 9000,
    guest: 2400,
    'guest-to-guest': 1800,
  }
  for (const [name, mbps] of Object.entries(rates))
    for (const direction of ['to_vm', 'from_vm']) {
      const factors = place(name, direction)
      const metrics = (round: number): Metrics => ({
        mbps: mbps * wave(round + name.length) * (direction === 'to_vm' ? 1 : 0.8),
      })
      plan(factors, (round) =>
        name === 'guest-to-guest' && direction === 'from_vm'
          ? syntheticFailure(factors, round, 'guest b did not answer within 20 s')
          : syntheticMeasurement(factors, round, [{ metrics: metrics(round) }], {
              metrics: { driverCpu: 0.4 * wave(round) },
              ...(round === 2 && name === 'guest'
                ? {
                    noise: {
                      verdict: 'marked',
                      reasons: ['processors 12 % busy before the cell'],
                      busyRatio: 0.12,
                      stealRatio: 0,
                      mhz: 2400,
                    },
                  }
                : {}),
            }),
      )
    }
  for (let round = 0; round < 3; round++)
    records.push(
      syntheticMeasurement(
        place('native', 'to_vm'),
        round,
        [{ metrics: { mbps: 20000 * wave(round) * (1 + 0.01 * (round - 1)) } }],
        { twin: true },
      ),
    )
  for (const [vms, mbps] of [
    [1, 2400],
    [2, 4300],
    [4, 6900],
    [8, 7400],
    [16, 7300],
  ] as const)
    plan({ vms }, (round) =>
      syntheticMeasurement(
        { vms },
        round,
        Array.from({ length: vms }, (_, at) => ({
          label: `bulk-vm${at + 1}`,
          vm: `vm${at + 1}`,
          metrics: { mbps: (mbps / vms) * wave(round) },
        })),
      ),
    )
  for (const [policy, p99Us, fps] of [
    ['per-packet', 90, 310e3],
    ['natural', 40, 950e3],
    ['fixed', 210, 980e3],
    ['adaptive', 60, 1.2e6],
  ] as const)
    plan({ policy }, (round) =>
      syntheticMeasurement({ policy }, round, [
        {
          metrics: { p99Us: p99Us * wave(round), fps: fps * wave(round + 1) },
          series: {
            delays: [50, 90, 99, 99.9].map(
              (share, at) => [share, (p99Us * (at + 1)) / 3] as [number, number],
            ),
          },
        },
      ]),
    )
  const loads = { bulk: { mbps: 2400 }, web: { requestsPerS: 900 }, probes: { p99Us: 80 } } as const
  const names = Object.keys(loads) as (keyof typeof loads)[]
  const run = (label: string, load: keyof typeof loads, harm: number) => ({
    ...{ label, workload: load, vm: label === 'victim' ? 'a' : 'b' },
    metrics: Object.fromEntries(
      Object.entries(loads[load]).map(([metric, value]) => [
        metric,
        load === 'probes' ? value / harm : value * harm,
      ]),
    ),
  })
  names.forEach((victim, at) => {
    const alone = { victim, aggressor: 'none', isolation: true }
    plan(alone, (round) => syntheticMeasurement(alone, round, [run('victim', victim, wave(round))]))
    names.slice(at).forEach((aggressor, step) => {
      const pair = { victim, aggressor, isolation: true }
      plan(pair, (round) =>
        syntheticMeasurement(pair, round, [
          run('victim', victim, (0.55 + 0.15 * step) * wave(round)),
          run('aggressor', aggressor, (0.6 + 0.1 * step) * wave(round + 1)),
        ]),
      )
    })
  })
  for (const [candidate, base] of [
    ['web', 300],
    ['bulk', 1400],
    ['probes', 80],
  ] as const)
    for (let size = 1; size <= 4; size++) {
      const factors = { candidate, size }
      plan(factors, (round) =>
        syntheticMeasurement(factors, round, [
          {
            label: candidate,
            workload: candidate,
            settings: { size },
            metrics: {
              meanFrameBytes: base + size * 4 * wave(round),
              toVmFps: base * 20 + size,
              fromVmFps: 1e6 / base + size * 10,
              toVmBps: base * base * 20,
            },
          },
        ]),
      )
    }
  return { study, records: [syntheticHeader(study, planned), ...records, FINISHED] }
}
