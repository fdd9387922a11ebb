/** A run of the lab that the simulator made: what it cost is known, and a calibration has to find it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCounters } from '../../src/core/counters.js'
import { histogramQuantile } from '../../src/core/histogram.js'
import { planeModule } from '../../src/engine/plane-module.js'
import { type MachineCosts, modelOfCell } from '../../src/experiment/calibration/cell-model.js'
import { portCountOf } from '../../src/lab/bed/port-count.js'
import type { LabRecord, Measurement, RunHeader } from '../../src/lab/record/record.js'
import type { Cell, StudyPlan } from '../../src/lab/study/cell.js'
import { percentileSeries } from '../../src/lab/workload/frames.js'
import { Machine } from '../../src/sim/machine.js'
import { Measurement as Simulated } from '../../src/sim/measurement.js'
import { seededRandom } from '../../src/stats/random.js'

export interface SimulatedRun {
  readonly truth: MachineCosts
  /** Processor times are off by at most such a part. */
  readonly noise: number
  readonly rounds: number
  readonly measureMs: number
  readonly settleMs: number
}

const plane = planeModule()

/** Counts since the start, as a sample of the lab has them. */
function countsOf(machine: Machine) {
  const { model, backends, guests } = machine
  const { memory, driver } = backends[0]!
  return {
    ports: Object.fromEntries(
      model.vms.map(({ name }, row) => {
        const counters = readCounters(memory.u64, row)
        const { delays, drops, ...counts } = portCountOf(counters)
        // Rings that are counts count what was published, and nothing before.
        const { published_frames: toVmFrames, published_bytes: toVmBytes } = counters.counts
        return [name, { ...counts, toVmFrames, toVmBytes } as Readonly<Record<string, number>>]
      }),
    ),
    wakes: driver.pace.wakes,
    spunS: driver.pace.spunUs / 1e6,
    driverS: driver.thread.usedNs / 1e9,
    guestsS: Object.fromEntries(guests.map(({ name, thread }) => [name, thread.usedNs / 1e9])),
  }
}

function measure(cell: Cell, round: number, run: SimulatedRun, noisy: () => number): Measurement {
  const model = modelOfCell(cell, run.truth)
  const machine = new Machine(model, 1000 + round, plane)
  machine.start()
  machine.events.run(run.settleMs * 1e6)
  const simulated = new Simulated(machine)
  const before = countsOf(machine)
  machine.events.run((run.settleMs + run.measureMs) * 1e6)
  const after = countsOf(machine)
  const { traffic, vms, driverCpu } = simulated.results(round)
  const seconds = run.measureMs / 1000
  const { fps, offeredFps, lossRatio, mbps } = traffic[0]!
  const { delays } = machine.programs[0]!.tally
  const at = (q: number): number => histogramQuantile(delays, q)
  const spunS = after.spunS - before.spunS
  const frames = traffic[0]!.frames
  const calls = vms.reduce((sum, vm) => sum + vm.calls, 0)
  const use = cell.uses[0]!
  const receiver = vms.find(({ toVmFps }) => toVmFps > 0) ?? vms[0]!
  return {
    ...{ type: 'measurement', cell: cell.id, factors: cell.factors, round, startedAt: '', tookS: seconds },
    workloads: [
      {
        ...{
          label: use.label,
          workload: use.run,
          vm: use.vm,
          peer: use.peer!,
          settings: { ...use.settings },
        },
        metrics: {
          fps,
          offeredFps,
          lossRatio,
          mbps,
          p50Us: at(0.5),
          p90Us: at(0.9),
          p99Us: at(0.99),
          p999Us: at(0.999),
        },
        series: { percentiles: percentileSeries(delays).map(([x, y]): [number, number] => [x, y]) },
      },
    ],
    metrics: {
      driverWorkCpu: driverCpu,
      callsPerFrame: calls / frames,
      batchFrames: receiver.batchFrames,
      totalP99Us: receiver.totalP99Us,
      meanFrameBytes: Number(cell.factors.frameBytes ?? 60),
    },
    cpu: {
      ...{ seconds, busy: 0, steal: 0 },
      driverDomain: (after.driverS - before.driverS - spunS) * noisy() + spunS,
      guests: Object.fromEntries(
        Object.entries(after.guestsS).map(([name, used]) => [name, (used - before.guestsS[name]!) * noisy()]),
      ),
    },
    noise: { verdict: 'quiet', reasons: [], busyRatio: 0, stealRatio: 0, mhz: run.truth.host.ghz * 1000 },
    switch: {
      engine: { spunS, waitedS: 0, wakes: after.wakes - before.wakes },
      counted: Object.fromEntries(
        Object.entries(after.ports).map(([name, counts]) => [
          name,
          Object.fromEntries(
            Object.entries(counts).map(([count, value]) => [count, value - before.ports[name]![count]!]),
          ),
        ]),
      ),
    },
  }
}

/** Writes the run of a plan into a folder. */
export function writeSimulatedRun(folder: string, plan: StudyPlan, run: SimulatedRun): void {
  const random = seededRandom(5)
  const noisy = (): number => 1 + run.noise * (2 * random() - 1)
  const header: RunHeader = {
    ...{ type: 'run', version: 1, run: 'simulated', study: { ...plan.study }, studyHash: '', seed: 1 },
    ...{ quick: false, guests: plan.guests, startedAt: '' },
    machine: { cores: run.truth.host.cores, cpuModel: 'a simulated one', kernel: 'none' },
    planned: plan.cells.map(({ id, factors }) => ({ cell: id, factors })),
  }
  const records: LabRecord[] = [header]
  for (let round = 0; round < run.rounds; round++)
    for (const cell of plan.cells) records.push(measure(cell, round, run, noisy))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'run.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
}
