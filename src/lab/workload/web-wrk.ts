/**
 * wrk as a load: the command, and its result. wrk's own text rounds ("1.02k", "2.61ms") and stops at p99, so a
 * script of one function has it print the exact figures as JSON; the load itself stays the C program's. Its percentiles
 * are corrected for requests that a held-up connection did not send (wrk's stats_correct); those that failed or had no
 * answer in time are late for ever.
 *
 * wrk takes whole seconds only and cannot leave out a warm-up: it is started twice, each time for longer than
 * needed, and interrupted in time, upon which it prints what it measured. What a shell starts in the background ignores
 * interrupts until it says otherwise, which takes wrk a while in an emulated guest: so it is interrupted until it ends.
 */
import { z } from 'zod'
import { quote } from '../../daemon/shell-word.js'
import { RingferryError } from '../../errors/errors.js'
import type { Metrics } from '../record/metrics.js'
import { lostIn } from './delays.js'

/** Shares of the requests whose delays are printed. */
const PERCENTILES = [10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99] as const
const MARK = 'ringferry-wrk '
/** In place of a percentile that lies among the requests without an answer. */
const LOST = -1

/** Printed by wrk when it ends. Delays in microseconds. */
export const WRK_SCRIPT = `done = function(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.timeout
  local p = {}
  for i, q in ipairs({${PERCENTILES.join(', ')}}) do
    local among = q * (summary.requests + failed) / math.max(1, summary.requests)
    p[i] = string.format('[%g,%.0f]', q, among > 100 and ${LOST} or latency:percentile(among))
  end
  io.write(string.format('${MARK}{"durationUs":%.0f,"requests":%.0f,"bytes":%.0f,"failed":%.0f,"refused":%.0f,',
    summary.duration, summary.requests, summary.bytes, failed, e.status))
  io.write(string.format('"meanUs":%.3f,"maxUs":%.0f,"percentiles":[%s]}\\n',
    latency.mean, latency.max, table.concat(p, ',')))
end
`

const reportSchema = z.object({
  durationUs: z.number().positive(),
  /** Answered, by whatever status. */
  requests: z.number().min(0),
  bytes: z.number().min(0),
  /** Connections, reads and writes that failed, and requests without an answer in time. */
  failed: z.number().min(0),
  /** Answers with a status of 400 or above. */
  refused: z.number().min(0),
  meanUs: z.number(),
  maxUs: z.number(),
  percentiles: z.array(z.tuple([z.number(), z.number()])),
})
export type WrkReport = z.infer<typeof reportSchema>

/** The figures in what wrk printed; those of the last run. Throws GUEST when there are none. */
export function parseWrk(output: string): WrkReport {
  const line = output.split('\n').findLast((candidate) => candidate.startsWith(MARK))
  if (line === undefined)
    throw new RingferryError(
      'GUEST',
      `wrk printed no result; last: ${output.trim().split('\n').at(-1) || 'nothing'}`,
    )
  try {
    const report = reportSchema.parse(JSON.parse(line.slice(MARK.length)))
    const { us } = lostIn({ warmUpS: 0, measureS: report.durationUs / 1e6 }, report.failed)
    const percentiles = report.percentiles.map(([q, at]): [number, number] => [q, at === LOST ? us : at])
    return { ...report, percentiles }
  } catch (error) {
    throw new RingferryError('GUEST', `wrk printed a result that cannot be read: ${line}`, { cause: error })
  }
}

/** Figures as metrics. Answers that are errors are no requests served. */
export function wrkMetrics(report: WrkReport): Metrics {
  const seconds = report.durationUs / 1e6
  const at = (percent: number): number =>
    report.percentiles.find(([share]) => share === percent)?.[1] ?? Number.NaN
  return {
    requestsPerS: Math.max(0, report.requests - report.refused) / seconds,
    mbps: (report.bytes * 8) / seconds / 1e6,
    ...{ meanUs: report.meanUs, p50Us: at(50), p90Us: at(90), p99Us: at(99), p999Us: at(99.9) },
    maxUs: report.maxUs,
    errors: report.failed + report.refused,
  }
}

export interface WrkLoad {
  readonly url: string
  readonly connections: number
  readonly threads: number
  readonly keepAlive: boolean
  /** Path of WRK_SCRIPT where wrk runs. */
  readonly script: string
}

/** The shell command of a load: a warm-up that is not printed (0: none), then the measured part; in seconds. */
export function wrkCommand(load: WrkLoad, warmUpS: number, measureS: number): string {
  const words = ['wrk', '-t', load.threads, '-c', load.connections, '-s', quote(load.script)]
  if (!load.keepAlive) words.push('-H', quote('Connection: close'))
  const longest = Math.ceil(Math.max(warmUpS, measureS)) + 60
  const wrk = `${words.join(' ')} -d ${longest}s ${quote(load.url)}`
  const part = (seconds: number, to: string): string =>
    `{ ${wrk} ${to}& wrk=$!; sleep ${seconds}; while kill -INT "$wrk" 2>/dev/null; do sleep 0.1; done; wait "$wrk"; }`
  return [...(warmUpS > 0 ? [part(warmUpS, '>/dev/null ')] : []), part(measureS, '')].join(' && ')
}
