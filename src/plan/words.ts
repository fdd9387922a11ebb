/** A plan in sentences. */
import type { Interval } from '../stats/interval.js'
import type { Evaluation } from './evaluate.js'
import type { Capacity, Plan } from './plan.js'
import { QUESTION_DEFAULTS, type Question } from './question.js'

/** Three digits, or as many as a whole number has. */
export function digits(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString()
}

/** `12.3 [11.8, 12.9]`; "-" for none. */
export function withBounds(interval: Interval | null, factor = 1): string {
  if (!interval) return '-'
  const { estimate, low, high } = interval
  const [value, from, to] = [estimate, low, high].map((each) => digits(each * factor))
  return from === to ? value! : `${value} [${from}, ${to}]`
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

/** What is used up, in words. */
export function bottleneckWords(bottleneck: string): string {
  const [what, name] = bottleneck.split(' ')
  if (what === 'nic') return `the line rate of ${name}`
  if (bottleneck === 'driver domain') return "the switch's thread, which fills a processor"
  if (what === 'processor') return `processor ${name}, which switch and VMs share`
  if (what === 'vm') return 'the processor of the VM'
  return 'nothing'
}

/** Why a number of VMs does not fit. */
export function shortageWords(
  { shortage, bottleneck, carried, p99Us }: Evaluation,
  question: Question,
): string {
  const { workload, targetUs } = question
  const used = bottleneck === 'load' ? '' : `; used up is ${bottleneckWords(bottleneck)}`
  if (shortage === 'line rate') return 'more would be offered than the line rate carries'
  if (shortage === 'delay')
    return `p99 in the switch would be ${withBounds(p99Us)} us, above the target of ${digits(targetUs)} us${used}`
  return `each VM would get ${withBounds(carried)} of ${digits(workload.demand)} ${workload.unit}${used}`
}

/** Of the VMs that were asked about. */
function verdict({ asked, question }: Plan): string {
  const { workload } = question
  const all = count(asked.vms, 'VM')
  if (!asked.fits)
    return `${all} ${asked.vms === 1 ? 'does' : 'do'} not fit: ${shortageWords(asked, question)}.`
  const inSwitch =
    asked.p99Us === null
      ? question.device === 'direct'
        ? 'frames pass no switch'
        : 'the switch has nothing for the VMs'
      : `p99 in the switch is ${withBounds(asked.p99Us)} us of ${digits(question.targetUs)} us`
  return `${all} ${asked.vms === 1 ? 'fits' : 'fit'}: each ${workload.does}; ${inSwitch}.`
}

function limit({ vms, isMost, beyond }: Capacity, question: Question): string {
  if (isMost) return `At least ${vms} VMs fit: a switch has no more ports.`
  if (vms === 0) return `Not one VM fits: ${shortageWords(beyond!, question)}.`
  return `Up to ${count(vms, 'VM')} ${vms === 1 ? 'fits' : 'fit'}. With one more, ${shortageWords(beyond!, question)}.`
}

function foundWords({ find, found, question }: Plan): string[] {
  if (find === 'vms') return []
  const all = count(question.vms, 'VM')
  if (found === undefined)
    return [
      `No number of ${find === 'cores' ? 'processors' : 'microseconds'} that was tried is enough for ${all}.`,
    ]
  return find === 'cores'
    ? [`${all} ${question.vms === 1 ? 'needs' : 'need'} ${count(found, 'processor')}.`]
    : [`The least target that ${all} ${question.vms === 1 ? 'keeps' : 'keep'} is ${digits(found)} us.`]
}

/** The answer, most important first. */
export function answer(plan: Plan): string[] {
  const { capacity, question } = plan
  return [...foundWords(plan), verdict(plan), ...(capacity ? [limit(capacity, question)] : [])]
}

/** What more of something would give. */
export function alternativeWords({ vms: before, isMost: wasMost, alternatives }: Capacity): string[] {
  return alternatives.map(({ change, vms, isMost }) => {
    if (isMost)
      return `With ${change}: at least ${count(vms, 'VM')}, ${wasMost ? 'all ports as before' : 'all ports of a switch'}.`
    const gain = vms - before
    const what = gain === 0 ? 'the same' : `${Math.abs(gain)} ${gain > 0 ? 'more' : 'fewer'}`
    return `With ${change}: ${count(vms, 'VM')}, ${what}.`
  })
}

/** Line rate of the fastest host NIC whose costs are known, and processors of the machines that were measured. */
const [KNOWN_GBPS, KNOWN_CORES] = [10, 2]

/** Where the question lies outside what its model has seen. */
function outsideOf({ calibrated, vms, workload, policy }: Question): string[] {
  if (!calibrated) return []
  const { run, guests, ranges } = calibrated
  const frames = workload.unit === 'frames/s' ? vms * workload.demand : 0
  return [
    ...(vms > ranges.vms[1]
      ? [`${count(vms, 'VM')}: the model was calibrated with ${count(ranges.vms[1], 'VM')} at most (${run}).`]
      : []),
    ...(frames > ranges.rateFps[1]
      ? [
          `${digits(frames)} frames/s: the model was calibrated with ${digits(ranges.rateFps[1])} at most (${run}).`,
        ]
      : []),
    ...(ranges.policies.includes(policy.name)
      ? []
      : [`Policy ${policy.name}: the model was calibrated under ${ranges.policies.join(', ')} (${run}).`]),
    ...(guests === 'embedded'
      ? ['Costs of guests are those of programs on a ring: a kernel with a network stack takes more.']
      : []),
    'Costs of NIC drivers are assumed: a run of the lab has no NIC.',
  ]
}

/** Where the question lies outside what was calibrated. */
export function cautions(question: Question, isCalibrated: boolean): string[] {
  const { nicGbps, cores, ghz, host, architecture, device } = question
  const others = (host.othersPerS * host.othersUs) / 1e6
  return [
    ...outsideOf(question),
    ...(others > 0
      ? [
          `Threads beside switch and guests take ${digits(100 * others)} % of each processor, ${digits(host.othersUs)} us at a time, as the model says: p99 has them in it.`,
        ]
      : []),
    ...(isCalibrated
      ? []
      : [
          `No machine was calibrated for this: costs are the shipped tables (${QUESTION_DEFAULTS.ghz} GHz), of which those of the switch are measured and those of guests, NIC drivers and wake-ups are assumed ("ringferry sim steps" lists them). Take the comparison for more than the figures.`,
        ]),
    ...(architecture === 'ringferry' ? [] : [`The costs of ${architecture} are assumed.`]),
    ...(device === 'paravirtual'
      ? []
      : [`The costs of ${device === 'direct' ? 'SR-IOV' : 'emulated registers'} are assumed.`]),
    ...(nicGbps > KNOWN_GBPS
      ? [
          `${digits(nicGbps)} Gb/s: no NIC above ${KNOWN_GBPS} Gb/s was measured; its driver and the memory's bandwidth may cost more.`,
        ]
      : []),
    ...(cores > KNOWN_CORES
      ? [
          `${cores} processors: machines with ${KNOWN_CORES} were measured; caches and memory that many processors share are not modelled.`,
        ]
      : []),
    ...(ghz === QUESTION_DEFAULTS.ghz || isCalibrated
      ? []
      : [`${ghz} GHz: cycles are taken to be those of ${QUESTION_DEFAULTS.ghz} GHz.`]),
  ]
}
