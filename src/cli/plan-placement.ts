/** `ringferry plan --placement`: which VMs share a host. */
import { RingferryError } from '../errors/errors.js'
import { answerPlacement, type PlacementAnswer, type Share } from '../plan/placement-study.js'
import { formatTable, print, printJson } from './output.js'

interface PlacementFlags {
  readonly load?: readonly string[]
  readonly perHost: number
  readonly seed: number
  readonly json?: boolean
}

/** `web=4`. Throws USAGE. */
function parseLoads(texts: readonly string[]): Map<string, number> {
  const loads = new Map<string, number>()
  for (const text of texts) {
    const [, name, count] = /^([^=]+)=(\d+)$/.exec(text) ?? []
    if (name === undefined || !(Number(count) > 0))
      throw new RingferryError('USAGE', `--load: "${text}" is no load and number of VMs; write it as web=4`)
    loads.set(name, (loads.get(name) ?? 0) + Number(count))
  }
  return loads
}

const percent = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(1)} %`)

function gain(over: Share, best: Share): string[] {
  const change = (a: number | null, b: number | null): string =>
    a === null || b === null ? '-' : `${a >= b ? '+' : ''}${((a / b - 1) * 100).toFixed(1)} %`
  return [change(best.predicted, over.predicted), change(best.measured, over.measured)]
}

export function placementText(answer: PlacementAnswer): string {
  const { hosts, worstHosts, best, random, worst, rounds, isExtrapolated, run } = answer
  const rows = [
    ['best', percent(best.predicted), percent(best.measured), '', ''],
    ['by chance', percent(random.predicted), percent(random.measured), ...gain(random, best)],
    ['worst', percent(worst.predicted), percent(worst.measured), ...gain(worst, best)],
  ]
  const head = ['placement', 'kept, predicted', 'kept, measured', 'best gains, predicted', 'measured']
  const lines = (of: readonly (readonly string[])[]): string =>
    of.map((host, at) => `  host ${at + 1}: ${host.join(' + ')}`).join('\n')
  return [
    `best placement\n${lines(hosts)}`,
    `worst placement\n${lines(worstHosts)}`,
    formatTable(head, rows, [1, 2, 3, 4]),
    rounds > 1
      ? `Kept: share of its performance alone, mean of the VMs. Chosen by ${rounds - 1} of the ${rounds} rounds of ${run}, measured in the last.`
      : `Kept: share of its performance alone, mean of the VMs. ${run} has one round: nothing is left to measure the choice by.`,
    ...(isExtrapolated
      ? ['Caution: the run has pairs. For more VMs on a host shares are multiplied, which was not measured.']
      : []),
  ].join('\n\n')
}

/** Throws USAGE, NOT_FOUND, CONFIG, PERMISSION. */
export function placementPlan(folder: string, { load = [], perHost, seed, json }: PlacementFlags): void {
  const answer = answerPlacement(folder, { loads: parseLoads(load), perHost, seed })
  if (json) printJson(answer)
  else print(placementText(answer))
}
