/** sockperf under load: another program's view of what `latency` measures. */
import { RingferryError } from '../../errors/errors.js'
import type { Metrics } from '../record/metrics.js'
import type { LoadWindow } from './workload.js'

/** sockperf leaves out the first 400 ms and the last part of a test. */
const MARGIN_S = 1

export interface SockperfTarget {
  readonly from: string
  readonly address: string
  readonly port: number
  readonly bytes: number
  readonly rateFps: number
}

/** The client's command line: every message answered, round trips. sockperf takes whole seconds. */
export function sockperfCommand(
  target: SockperfTarget,
  window: Pick<LoadWindow, 'warmUpS' | 'measureS'>,
): string {
  const { from, address, port, bytes, rateFps } = target
  const seconds = Math.ceil(window.warmUpS + window.measureS) + MARGIN_S
  return `exec sockperf under-load -i ${address} -p ${port} --client_ip ${from} -t ${seconds} --mps ${Math.round(rateFps)} -m ${bytes} --reply-every 1 --full-rtt`
}

/** Reads sockperf's summary. Throws GUEST when there is none. */
export function parseSockperf(
  text: string,
  where: string,
): { metrics: Metrics; percentiles: [number, number][] } {
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(text)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  const percentiles = [...text.matchAll(/---> percentile ([\d.]+) =\s+([\d.]+)/g)]
    .map(([, percent, us]): [number, number] => [Number(percent), Number(us)])
    .sort(([a], [b]) => a - b)
  const at = (percent: number): number | undefined => percentiles.find(([one]) => one === percent)?.[1]
  const meanUs = number(/avg-rtt=([\d.]+)/)
  const [p50Us, p90Us, p99Us, p999Us] = [at(50), at(90), at(99), at(99.9)]
  const maxUs = number(/<MAX> observation =\s+([\d.]+)/)
  const sent = number(/\[Valid Duration\].*SentMessages=(\d+)/)
  const dropped = number(/# dropped messages = (\d+)/)
  if ([meanUs, p50Us, p90Us, p99Us, p999Us, maxUs, sent, dropped].includes(undefined)) {
    const line = text.trim().split('\n').at(-1)?.trim() || 'nothing'
    throw new RingferryError('GUEST', `${where}: sockperf printed no summary but: ${line}`)
  }
  const lossRatio = (dropped as number) / Math.max(1, sent as number)
  const metrics = { meanUs, p50Us, p90Us, p99Us, p999Us, maxUs, lossRatio } as Metrics
  return { metrics, percentiles }
}
