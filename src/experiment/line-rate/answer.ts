/** The line-rate report in sentences, made of its figures. */
import type { PolicyName } from '../../aggregation/create.js'
import { listed } from '../../lab/report/wording.js'
import type { Interval } from '../../stats/interval.js'
import { leastFilling, most, type Outcome, type Outcomes } from './outcome.js'

const digits = (value: number, count = 2): string => Number(value.toPrecision(count)).toString()
const megaFps = (fps: number): string => `${digits(fps / 1e6)} million frames/s`
const percent = (share: number): string => `${digits(share * 100)} %`
/** Millions with their interval: "5.17 [5.15, 5.19]". */
const millions = ({ estimate, low, high }: Interval): string =>
  `${digits(estimate / 1e6, 3)} [${digits(low / 1e6, 3)}, ${digits(high / 1e6, 3)}]`
const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

interface Filled {
  readonly policy: PolicyName
  readonly gbps: readonly number[]
}

/** Which NICs a policy fills with one thread, whatever number of VMs that takes. */
function filledBy(outcomes: Outcomes, frameBytes: number): Filled[] {
  return outcomes.policies.map((policy) => ({
    policy,
    gbps: outcomes
      .values('gbps')
      .filter((gbps) =>
        outcomes
          .of({ direction: 'receive', threads: 1, frameBytes, policy, gbps })
          .some(({ isFilled }) => isFilled),
      ),
  }))
}

function filledWords(outcomes: Outcomes, frameBytes: number): string {
  const rates = outcomes.values('gbps')
  const groups = new Map<string, PolicyName[]>()
  for (const { policy, gbps } of filledBy(outcomes, frameBytes)) {
    const left = rates.filter((rate) => !gbps.includes(rate))
    const words =
      gbps.length === 0
        ? 'fill none of these NICs'
        : left.length === 0
          ? `fill all of them, up to ${gbps.at(-1)} Gb/s`
          : `fill NICs of up to ${gbps.at(-1)} Gb/s`
    groups.set(words, [...(groups.get(words) ?? []), policy])
  }
  const parts = [...groups].map(([words, policies]) =>
    policies.length === 1
      ? `${policies[0]} ${words.replace(/^fill/, 'fills')}`
      : `${listed(policies)} ${words}`,
  )
  return `With frames of ${frameBytes} bytes, one thread of the driver domain and as many VMs as it takes, ${parts.join('; ')}.`
}

/** How what one thread carries of the smallest frames changes with the number of VMs. */
function vmsWords(outcomes: Outcomes): string[] {
  const [frameBytes = 0, gbps = 0] = [outcomes.values('frameBytes')[0], outcomes.values('gbps').at(-1)]
  const at = { direction: 'receive', threads: 1, frameBytes, gbps } as const
  const mostVms = outcomes.values('vms').at(-1)
  const parts = outcomes.policies.flatMap((policy) => {
    const all = outcomes.of({ ...at, policy })
    const [best, last] = [most(all), all.find(({ vms }) => vms === mostVms)]
    if (!best || !last) return []
    const batch = last.batchFrames === null ? '' : `, in batches of ${digits(last.batchFrames)}`
    return [
      `${policy} ${best === last ? '' : `${millions(best.carriedFps)} with ${count(best.vms, 'VM')}, `}${millions(last.carriedFps)} with ${count(last.vms, 'VM')}${batch}`,
    ]
  })
  if (parts.length === 0) return []
  return [
    `Of ${frameBytes}-byte frames one thread carries at most (millions a second, in brackets 95 % intervals of the mean): ${parts.join('; ')}. A burst that is spread over many VMs makes small batches, and each needs a publication and a call.`,
  ]
}

/** Threads that a NIC takes with the smallest and the largest frames. */
function threadWords(outcomes: Outcomes): string[] {
  const [first, last] = [outcomes.values('frameBytes')[0], outcomes.values('frameBytes').at(-1)]
  const [mostVms, mostThreads] = [outcomes.values('vms').at(-1), outcomes.values('threads').at(-1)]
  return [first, last].flatMap((frameBytes) => {
    if (frameBytes === undefined || mostThreads === undefined || mostThreads === 1) return []
    const parts = outcomes.values('gbps').map((gbps) => {
      const all = outcomes
        .of({ direction: 'receive', frameBytes, gbps, vms: mostVms })
        .filter(({ policy }) => policy === 'natural' || policy === 'fixed')
      const threads = leastFilling(all, 'threads')
      if (threads !== undefined) return `${gbps} Gb/s takes ${count(threads, 'thread')}`
      const best = most(all)
      return `${gbps} Gb/s is not filled (${best ? `${percent(best.share)} with ${count(best.threads, 'thread')}, limited by ${boundWords(best)}` : 'not simulated'})`
    })
    return [`${mostVms} VMs and ${frameBytes}-byte frames, natural or fixed: ${listed(parts)}.`]
  })
}

function boundWords({ bottleneck }: Outcome): string {
  return bottleneck === 'VMs' || bottleneck === 'load'
    ? 'the VMs'
    : bottleneck === 'driver domain'
      ? 'the driver domain'
      : `the ${bottleneck}`
}

/** What the literature claims: "throughput scales up at line rates". */
function claimWords(outcomes: Outcomes): string[] {
  const largest = outcomes.values('frameBytes').at(-1)
  const smallest = outcomes.values('frameBytes')[0]
  if (largest === undefined || smallest === undefined) return []
  const full = (frameBytes: number): number[] =>
    outcomes
      .values('gbps')
      .filter((gbps) =>
        outcomes.policies.every((policy) =>
          outcomes
            .of({ direction: 'receive', threads: 1, frameBytes, gbps, policy })
            .some(({ isFilled }) => isFilled),
        ),
      )
  const words = (frameBytes: number): string => {
    const rates = full(frameBytes)
    return rates.length === 0
      ? `at none of these rates with ${frameBytes}-byte frames`
      : `up to ${rates.at(-1)} Gb/s with ${frameBytes}-byte frames`
  }
  return [
    `The literature's claim that throughput scales up at line rate holds under every policy ${words(largest)}, ${words(smallest)}; beyond that it depends on batches and on processors.`,
  ]
}

function transmitWords(outcomes: Outcomes): string[] {
  const gbps = outcomes.values('gbps').at(-1)
  const parts = outcomes.values('frameBytes').flatMap((frameBytes) => {
    const best = most(outcomes.of({ direction: 'transmit', frameBytes, gbps }))
    return best
      ? [
          `${megaFps(best.carriedFps.estimate)} (${digits(best.wireGbps.estimate)} Gb/s) of ${frameBytes} bytes`,
        ]
      : []
  })
  return parts.length === 0 ? [] : [`From VMs to the wire one thread carries at most ${listed(parts)}.`]
}

/** All sentences. */
export function answerOf(outcomes: Outcomes): string[] {
  return [
    ...claimWords(outcomes),
    ...outcomes.values('frameBytes').map((frameBytes) => filledWords(outcomes, frameBytes)),
    ...vmsWords(outcomes),
    ...threadWords(outcomes),
    ...transmitWords(outcomes),
  ]
}
