/**
 * sockperf under load: another program's view of what `latency` measures. It takes whole seconds, and its figures leave
 * out what was lost. So it runs twice, first for the warm-up, which is not printed, and of the second run every round
 * trip is taken from its log, beside the number of messages that it says were dropped. Of each run sockperf itself
 * leaves out the first 400 ms and the last 50.
 */
import { RingferryError } from '../../errors/errors.js'
import type { Metrics } from '../record/metrics.js'
import { delayMetrics, lostIn, percentileCurve } from './delays.js'
import type { DelayReport } from './programs/delay-counts.js'
import type { LoadWindow } from './workload.js'

/** What sockperf leaves out of a test. */
const MARGIN_S = 0.45

export interface SockperfTarget {
  readonly from: string
  readonly address: string
  readonly port: number
  readonly bytes: number
  readonly rateFps: number
}

type Window = Pick<LoadWindow, 'warmUpS' | 'measureS'>

/**
 * The shell command: a warm-up, then the measured run, every message answered; its summary, then a line "rtt US COUNT"
 * for each round trip time in tenths of a microsecond.
 */
export function sockperfCommand(target: SockperfTarget, { warmUpS, measureS }: Window): string {
  const { from, address, port, bytes, rateFps } = target
  const run = (seconds: number): string =>
    `sockperf under-load -i ${address} -p ${port} --client_ip ${from} -t ${seconds} --mps ${Math.round(rateFps)} -m ${bytes} --reply-every 1 --full-rtt`
  const warmUp = `timeout -s INT ${warmUpS} ${run(Math.ceil(warmUpS) + 1)} >/dev/null 2>&1; `
  const count = `awk -F, '/^[0-9]+, /{n[sprintf("%.1f", $NF)]++} END{for (us in n) print "rtt", us, n[us]}'`
  const measured = run(Math.ceil(measureS + MARGIN_S))
  return `${warmUpS > 0 ? warmUp : ''}log=$(mktemp) && { ${measured} --full-log "$log" && ${count} "$log"; code=$?; rm -f "$log"; exit $code; }`
}

/** Reads what the command printed. Throws GUEST when there is no summary. */
export function parseSockperf(
  text: string,
  where: string,
  window: Window,
): { metrics: Metrics; percentiles: [number, number][] } {
  const delays = [...text.matchAll(/^rtt ([\d.]+) (\d+)$/gm)]
    .map(([, us, count]): [number, number] => [Number(us), Number(count)])
    .sort(([a], [b]) => a - b)
  const dropped = /# dropped messages = (\d+)/.exec(text)?.[1]
  const sent = /\[Valid Duration\].*SentMessages=(\d+)/.exec(text)?.[1]
  if (dropped === undefined || sent === undefined) {
    const line = text.trim().split('\n').at(-1)?.trim() || 'nothing'
    throw new RingferryError('GUEST', `${where}: sockperf printed no summary but: ${line}`)
  }
  const count = delays.reduce((sum, [, many]) => sum + many, 0)
  const report: DelayReport = {
    delays,
    count,
    meanUs: delays.reduce((sum, [us, many]) => sum + us * many, 0) / Math.max(1, count),
    maxUs: delays.at(-1)?.[0] ?? 0,
  }
  const lost = lostIn(window, Math.max(Number(dropped), Number(sent) - count))
  const lossRatio = lost.count / Math.max(1, lost.count + count)
  return {
    metrics: { ...delayMetrics(report, lost), lossRatio },
    percentiles: percentileCurve(report, lost),
  }
}
