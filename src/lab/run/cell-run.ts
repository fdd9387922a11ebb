/**
 * One measurement: all workloads of a cell prepared, run in one window on a bed that is up, and closed.
 *
 *     look for noise | prepare 1..n | run 1..n  ---warm-up---|------- measured -------| results | close
 *                                                          sample                   sample
 */
import { setMaxListeners } from 'node:events'
import { RingferryError } from '../../errors/errors.js'
import type { Bed, BedSample } from '../bed/bed.js'
import type { Measurement, WorkloadRun } from '../record/record.js'
import type { Cell } from '../study/cell.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult } from '../workload/workload.js'
import type { LabClock } from './clock.js'
import type { NoiseCheck } from './noise.js'
import { countedPorts, measureWindow } from './window.js'

const CLOSE_S = 20
/** So long after a workload has failed the bed may still say that it died. */
const DEATH_S = 0.4
/** A cell may take this long beyond its window, and this many windows: searches run many trials. */
const SPARE_S = 300
const SPARE_WINDOWS = 100

export interface CellTools {
  readonly workloads: ReadonlyMap<string, Workload>
  readonly clock: LabClock
  readonly noise: NoiseCheck
}

export interface CellRun {
  readonly bed: Bed
  readonly cell: Cell
  readonly round: number
  readonly twin: boolean
  readonly seed: number
  /** Ends it early: rejects. */
  readonly signal: AbortSignal
}

function rejectsOnAbort(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new RingferryError('INTERRUPTED', 'interrupted'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  aborted.catch(() => {})
  return aborted
}

async function prepareAll(run: CellRun, tools: CellTools, prepared: PreparedWorkload[]): Promise<void> {
  const { bed, cell, seed, signal } = run
  for (const [slot, use] of cell.uses.entries()) {
    const workload = tools.workloads.get(use.run) as Workload
    const site = {
      ...{ bed, slot, seed: seed + slot, vm: bed.vm(use.vm) },
      peer: use.peer === undefined ? undefined : bed.vm(use.peer),
    }
    const ready = await workload.prepare(site, use.settings)
    prepared.push(ready)
    signal.throwIfAborted()
  }
}

async function load(
  run: CellRun,
  tools: CellTools,
  prepared: readonly PreparedWorkload[],
): Promise<{ before: BedSample; after: BedSample; results: WorkloadResult[] }> {
  const { bed, cell, signal } = run
  const window: LoadWindow = { ...cell.window, signal }
  const loads = Promise.all(prepared.map((one) => one.run(window)))
  const samples = (async () => {
    await tools.clock.sleep(window.warmUpS, signal)
    // Whatever it takes to read, the window goes on meanwhile.
    const before = Promise.resolve(bed.sample())
    before.catch(() => {})
    await tools.clock.sleep(window.measureS, signal)
    const after = bed.sample()
    return { before: await before, after: await after }
  })()
  const [results, edges] = await Promise.all([loads, samples])
  return { results, ...edges }
}

function workloadRuns(cell: Cell, results: readonly WorkloadResult[]): WorkloadRun[] {
  return cell.uses.map(({ label, run, vm, peer, settings }, index) => {
    const { metrics, series, ran } = results[index] as WorkloadResult
    const finite = Object.entries(metrics).filter(([, value]) => Number.isFinite(value))
    return {
      ...{ label, workload: run, vm, settings: { ...settings } },
      ...(peer === undefined ? {} : { peer }),
      metrics: Object.fromEntries(finite),
      ...(series && {
        series: Object.fromEntries(
          Object.entries(series).map(([name, points]) => [
            name,
            points.map(([x, y]): [number, number] => [x, y]),
          ]),
        ),
      }),
      ...(ran && { ran: { ...ran } }),
    }
  })
}

async function measure(run: CellRun, tools: CellTools, prepared: PreparedWorkload[]): Promise<Measurement> {
  const { bed, cell, round, twin, signal } = run
  const startS = tools.clock.nowS()
  const startedAt = tools.clock.date()
  const noise = await tools.noise.look(bed, signal)
  await prepareAll(run, tools, prepared)
  const { before, after, results } = await load(run, tools, prepared)
  const first = cell.uses[0]?.vm ?? ''
  const carried = results.flatMap((result) => result.metrics.mbps ?? [])
  const payloadMbps = carried.length > 0 ? carried.reduce((sum, mbps) => sum + mbps, 0) : undefined
  const { cpu, metrics, ports, engine } = measureWindow(before, after, first, payloadMbps)
  const described = await bed.describe()
  return {
    ...{ type: 'measurement', cell: cell.id, factors: cell.factors, round },
    ...(twin ? { twin: true } : {}),
    ...{ startedAt, tookS: tools.clock.nowS() - startS },
    ...{ workloads: workloadRuns(cell, results), metrics, cpu, noise },
    switch: { ...described, counted: countedPorts(ports), ...(engine && { engine }) },
  }
}

/**
 * Measures a cell once. Rejects with what went wrong: of a workload, of the bed (the switch or a guest died), BUSY
 * (not quiet, strict), GUEST (took too long), INTERRUPTED. All that was prepared is closed then; the bed is not.
 */
export async function runCell(run: CellRun, tools: CellTools): Promise<Measurement> {
  const ended = new AbortController()
  const signal = AbortSignal.any([run.signal, ended.signal])
  // Every guest's programs wait for it.
  setMaxListeners(0, signal)
  const prepared: PreparedWorkload[] = []
  const { warmUpS, measureS } = run.cell.window
  const limitS = SPARE_S + SPARE_WINDOWS * (warmUpS + measureS)
  const tooLong = tools.clock.sleep(limitS, ended.signal).then(() => {
    throw new RingferryError('GUEST', `${run.cell.id} did not end within ${Math.round(limitS)} s`)
  })
  tooLong.catch(() => {})
  const work = measure({ ...run, signal }, tools, prepared)
  try {
    return await Promise.race([work, run.bed.failed, rejectsOnAbort(signal), tooLong])
  } catch (error) {
    // A guest or a switch that dies may be noticed by a workload first: what that says is no verdict on the cell.
    await Promise.race([run.bed.failed, tools.clock.sleep(DEATH_S, ended.signal)])
    throw error
  } finally {
    ended.abort()
    // What is under way ends by the signal; a guest that is dead may keep it from ending, but not us.
    const closed = work.catch(() => {}).then(() => Promise.allSettled(prepared.map((one) => one.close())))
    const waited = new AbortController()
    await Promise.race([closed, tools.clock.sleep(CLOSE_S, waited.signal).catch(() => {})])
    waited.abort()
  }
}
