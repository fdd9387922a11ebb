/**
 * How long after it was woken by a thread of its own processor a thread runs: calls a frame tell. A switch that publishes frame
 * by frame calls its receiver at the first of them, and goes on until that one takes the processor: the longer that takes, the
 * more frames one call is for.
 */
import { runModel } from '../../sim/run.js'
import type { Interval } from '../../stats/interval.js'
import { mean } from '../../stats/summary.js'
import { isFullSpeed, type MachineCosts, modelOfCell } from './cell-model.js'
import { type Curve, fitCurves } from './fit-curves.js'
import type { MeasuredCell } from './run-cells.js'
import { countsOf, workingVms } from './work.js'

/** Microseconds that are simulated. */
const TRIED_US = [0, 0.5, 1, 1.5, 2, 3, 4, 6] as const
const SEED = 1
const MEASURE_MS = 20
const WARM_UP_MS = 50

/** Whether calls of a cell tell: frame by frame and as fast as it goes, to receivers on the switch's own processor. There each
 * call is answered by one that has waited for it; with less load the switch may sleep before. */
export function tellsOfWakesHere({ cell: { bed, uses }, cell }: MeasuredCell): boolean {
  const working = workingVms(cell)
  return (
    bed.switch.policy === 'per-packet' &&
    bed.switch.cpu !== undefined &&
    uses.length === 1 &&
    isFullSpeed(uses[0]!) &&
    working.length > 0 &&
    working.every((name) => bed.vms.find((vm) => vm.name === name)!.cpu === bed.switch.cpu)
  )
}

/** Undefined: no cell tells. */
export function fitWakeHere(
  all: readonly MeasuredCell[],
  machine: MachineCosts,
  plane: WebAssembly.Module,
): Interval | undefined {
  const curves = all.filter(tellsOfWakesHere).flatMap(({ cell, measurements }): Curve[] => {
    const working = workingVms(cell)
    const measured = mean(
      measurements.map((each) => {
        const counts = working.map((vm) => countsOf(each, vm))
        const sum = (name: string): number => counts.reduce((all, count) => all + count(name), 0)
        return sum('calls') / sum('toVmFrames')
      }),
    )
    if (!(measured > 0)) return []
    const simulated = TRIED_US.map((wakeHereUs) => {
      const model = modelOfCell(cell, { ...machine, host: { ...machine.host, wakeHereUs } })
      const { vms, measuredS } = runModel(
        { ...model, measureMs: MEASURE_MS, warmUpMs: WARM_UP_MS },
        { seed: SEED, plane },
      )
      const receivers = vms.filter(({ name }) => working.includes(name))
      const sum = (of: (vm: (typeof vms)[number]) => number): number =>
        receivers.reduce((all, each) => all + of(each), 0)
      return sum(({ calls }) => calls) / measuredS / sum(({ toVmFps }) => toVmFps)
    })
    return [{ simulated, measured }]
  })
  return curves.length === 0 ? undefined : fitCurves(TRIED_US, curves)
}
