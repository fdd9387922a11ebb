// Eight VMs that each send 64-byte frames to the next one. Alone: all at the same modest rate. Then one of them
// floods with frames as small; then, in its place, another one with frames that cost the engine many times as much.
// What the other receivers lose in throughput and gain in delay is the damage; the receiver of the flood is left out
// of it, the rest must not notice. With and without the scheduler.
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { startLoad } from '../lib/load.mjs'
import { apply, oneOfEach } from '../lib/policies.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { measureWindow } from '../lib/window.mjs'

const [SWITCH_CPU, LOAD_CPU] = [0, 1]
const VMS = 8
const FRAME_BYTES = 64
const SETTLE_MS = 500
/** Of the fair share: what every VM sends when nobody floods. */
const MODEST = 0.5
const CAPACITY_MS = 1000
/** A ninth VM is there for the flood of expensive frames, also to VM 2. */
const EXPENSIVE = VMS
const EXPENSIVE_BYTES = 16_000
/** VM 1 floods VM 2; the others are g2 to g7 as receivers. */
const BYSTANDERS = ['g0', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7']
const ALL = Array.from({ length: VMS }, (_, index) => `g${index}`)

async function place({ targetUs, spinUs }, engine) {
  const vifs = [...ALL, 'expensive'].map(() => ({ targetUs }))
  const running = await startRingferry({ cpu: SWITCH_CPU, vifs, options: { spinUs, ...engine } })
  const load = await startLoad(
    LOAD_CPU,
    running.sockets.map((socket, index) => ({
      ...{ socket, number: index + 1, receives: index !== EXPENSIVE },
      ...(index === EXPENSIVE
        ? { bytes: EXPENSIVE_BYTES, to: [2] }
        : { bytes: FRAME_BYTES, to: [((index + 1) % VMS) + 1] }),
    })),
  )
  const rates = (first, others, expensive = 0) => {
    for (let index = 0; index < VMS; index++) load.setRate(index, index === 0 ? first : others)
    load.setRate(EXPENSIVE, expensive)
  }
  return { running, load, rates }
}

/** Raw runs: {variant, label, phase: 'alone' | 'flood' | 'expensive' | 'equal', round, ...figures}. */
export async function runFlood(settings) {
  const { policies, rounds, ms } = settings
  const chosenPolicies = oneOfEach(policies)
  const variants = [{ variant: 'as configured', engine: {} }]
  if (settings.engine) variants.push({ variant: JSON.stringify(settings.engine), engine: settings.engine })
  const runs = []
  for (const { variant, engine } of variants) {
    const { running, load, rates } = await place(settings, engine)
    rates(100, 100)
    await sleep(SETTLE_MS)
    rates(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    await sleep(SETTLE_MS)
    const { fps: capacity } = await measureWindow(running, ALL, CAPACITY_MS)
    const modest = (capacity / VMS) * MODEST
    const phases = {
      alone: [modest, modest],
      flood: [Number.POSITIVE_INFINITY, modest],
      expensive: [modest, modest, Number.POSITIVE_INFINITY],
      equal: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    }
    for (let round = 0; round < rounds; round++)
      for (const [phase, offered] of Object.entries(phases))
        for (let turn = 0; turn < chosenPolicies.length && !isEnding(); turn++) {
          const chosen = chosenPolicies[(turn + round) % chosenPolicies.length]
          progress(`flood, round ${round + 1} of ${rounds}, ${phase}, ${chosen.label}`)
          await apply(running, chosen)
          rates(...offered)
          await sleep(SETTLE_MS)
          const unsentBefore = ALL.map((_, index) => load.counters(index).unsent)
          const { value: _, ...figures } = await measureWindow(
            running,
            phase === 'equal' ? ALL : BYSTANDERS,
            ms,
          )
          const unsent = ALL.map((_, index) => load.counters(index).unsent - unsentBefore[index])
          const worstP99Us = Math.max(...figures.perVm.map((vm) => vm.totalP99Us))
          runs.push({
            variant,
            label: chosen.label,
            phase,
            round,
            modestFps: modest,
            unsent,
            worstP99Us,
            ...figures,
          })
        }
    rates(0, 0)
    await load.stop()
    await running.stop()
  }
  return runs
}

export function reportFlood(runs, { targetUs }) {
  const summary = []
  const rows = []
  for (const variant of new Set(runs.map((run) => run.variant)))
    for (const label of new Set(runs.map((run) => run.label))) {
      const figures = (phase, name) =>
        runs
          .filter((run) => run.variant === variant && run.label === label && run.phase === phase)
          .sort((a, b) => a.round - b.round)
          .map((run) => run[name])
      const row = {
        ...{ variant, label, targetUs },
        kept: ratio(figures('flood', 'fps'), figures('alone', 'fps')),
        keptExpensive: ratio(figures('expensive', 'fps'), figures('alone', 'fps')),
        aloneP99Us: summarise(figures('alone', 'worstP99Us')),
        floodP99Us: summarise(figures('flood', 'worstP99Us')),
        expensiveP99Us: summarise(figures('expensive', 'worstP99Us')),
        jain: summarise(figures('equal', 'jain')),
        equalFps: summarise(figures('equal', 'fps')),
      }
      summary.push(row)
      rows.push([
        label,
        variant,
        shown(row.kept),
        shown(row.keptExpensive),
        shown(row.aloneP99Us),
        shown(row.floodP99Us),
        shown(row.expensiveP99Us),
        shown(row.jain),
        short(row.equalFps.estimate),
      ])
    }
  console.log(`\neight VMs, one floods (target of all: ${targetUs} us; seven bystanders)`)
  table(
    [
      'policy',
      'engine',
      'kept, 64 B flood (>= 0.95)',
      `kept, ${EXPENSIVE_BYTES} B flood`,
      'worst p99 us alone',
      '64 B flood',
      `${EXPENSIVE_BYTES} B flood`,
      "Jain's index, all flood (>= 0.95)",
      'frames/s then',
    ],
    rows,
  )
  return summary
}
