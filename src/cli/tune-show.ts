/** What `ringferry tune show` prints: delays against targets, and what aggregation saves. */
import { NO_LIMIT } from '../aggregation/hold-limits.js'
import { delayText } from '../control/delay-text.js'
import type { PromiseAnswer } from '../daemon/api/routes/promises.js'
import type { Tuning } from '../daemon/api/routes/tuning.js'
import { shortNumber } from './output.js'
import { toWidth, wrap } from './text-width.js'

type VifTuning = Tuning['vifs'][number]
type Awake = Tuning['awake']

/** What is asked of a switch to show its tuning. */
export interface ShownTuning {
  readonly tuning: Tuning
  readonly promises: readonly PromiseAnswer[]
}

const GAP = '  '
const LEAST_NAME = 8
const MOST_NAME = 32
const INDENT = '    '

/** The columns of the table beside the name, and the width that their cells need. */
const COLUMNS = [
  { head: 'target', width: 7 },
  { head: 'p50', width: 7 },
  { head: 'p99', width: 7 },
  { head: 'within', width: 6 },
  { head: 'batch', width: 5 },
  { head: 'calls', width: 5 },
  { head: 'CPU', width: 5 },
] as const
const VERDICT_WIDTH = 8
const LEGEND = 'Last 10 s. batch: frames a publication; calls, CPU: saved (--help says how).'

const STATE_WORDS: Readonly<Record<PromiseAnswer['state'], string>> = {
  met: 'met',
  missed: 'MISSED',
  'no-load': 'no load',
  'not-held': 'not held',
}

/** "99.8 %": never 100 where something is missing. */
export function shareText(share: number | null): string {
  if (share === null) return '-'
  const percent = share * 100
  const digits = percent >= 99.95 || percent < 0.05 ? 0 : 1
  return `${(share < 1 ? Math.min(percent, 99.9) : percent).toFixed(share < 1 && percent > 99.95 ? 1 : digits)} %`
}

const delay = (us: number | null): string => (us === null ? '-' : delayText(us))

/** A number of at most three digits: 8.6, 64, 1.2k. */
function few(value: number | null): string {
  if (value === null) return '-'
  return value < 100 ? value.toFixed(1) : shortNumber(value).replace(' ', '')
}

function cellsOf({
  targetUs,
  last10s,
  batchFrames,
  callsSavedShare,
  cpuSavedShare,
}: PromiseAnswer): string[] {
  return [
    delayText(targetUs),
    delay(last10s.p50Us),
    delay(last10s.p99Us),
    shareText(last10s.withinShare),
    few(batchFrames),
    callsSavedShare === null ? '-' : `${Math.floor(callsSavedShare * 100)} %`,
    cpuSavedShare === null || last10s.frames === 0 ? '-' : cpuSavedShare.toFixed(2),
  ]
}

function table(promises: readonly PromiseAnswer[], columns: number): string[] {
  const others = COLUMNS.reduce((sum, { width }) => sum + GAP.length + width, 0) + GAP.length + VERDICT_WIDTH
  const longest = Math.max(LEAST_NAME, ...promises.map(({ name }) => name.length))
  const nameWidth = Math.min(MOST_NAME, longest, Math.max(LEAST_NAME, columns - others))
  const line = (name: string, cells: readonly string[], verdict: string): string =>
    [
      toWidth(name, nameWidth),
      ...COLUMNS.map(({ width }, at) => toWidth(cells[at] ?? '', width, true)),
      verdict,
    ].join(GAP)
  return [
    line(
      'vif',
      COLUMNS.map(({ head }) => head),
      'verdict',
    ),
    ...promises.map((promise) => line(promise.name, cellsOf(promise), STATE_WORDS[promise.state])),
  ]
}

const indented = (text: string, columns: number): string[] =>
  wrap(text, columns - INDENT.length).map((line) => INDENT + line)

/** What must be said in sentences, and what to do about it; the same of several vifs once. */
function remarks(promises: readonly PromiseAnswer[], columns: number): string[] {
  const notHeld = new Map<string, string[]>()
  const lines: string[] = []
  for (const { name, state, sentence, advice } of promises) {
    if (advice === '') continue
    if (state === 'not-held') {
      const [why = ''] = sentence.split(';')
      const said = `${why[0]?.toUpperCase()}${why.slice(1)}. ${advice}`
      notHeld.set(said, [...(notHeld.get(said) ?? []), name])
    } else lines.push(...wrap(`${name}: ${sentence}.`, columns, INDENT), ...indented(advice, columns))
  }
  for (const [said, names] of notHeld) {
    const whose = names.length === promises.length ? '' : `${names.join(', ')}: `
    lines.push(...wrap(whose + said, columns, INDENT))
  }
  return lines
}

/** "awake on, share 0.5 of 2 processors, burnt 12500 us, a wake-up costs 24 us, now 6 us". */
function awakeLine({ share, state, reason, cpus, burntUs, holdsLatency, asleepUs, wakeUs }: Awake): string {
  const cost = (us: number | null): string => (us === null ? 'not known' : `${shortNumber(us)} us`)
  return [
    `awake ${state}${reason === '' ? '' : ` (${reason})`}`,
    `share ${share}${cpus.length === 0 ? '' : ` of ${cpus.length} processor${cpus.length === 1 ? '' : 's'}`}`,
    `burnt ${shortNumber(burntUs)} us`,
    ...(holdsLatency ? ['PM QoS held'] : []),
    `a wake-up costs ${cost(asleepUs)}${wakeUs === asleepUs ? '' : `, now ${cost(wakeUs)}`}`,
  ].join(', ')
}

/** "policy adaptive, budget 0.5 of a processor: uses 0.31, waits 0.02 for others". */
function policyLine({ policy, budget, dryRun, spinUs, figures }: Tuning): string {
  const { useShare, waitShare = 0 } = figures
  return [
    `policy ${policy.name}, budget ${budget} of a processor`,
    ...(useShare === undefined
      ? []
      : [
          `uses ${useShare.toFixed(2)}${waitShare >= 0.005 ? `, waits ${waitShare.toFixed(2)} for others` : ''}`,
        ]),
    `spins up to ${shortNumber(spinUs)} us`,
    ...(dryRun ? ['dry run: limits stay as they are'] : []),
  ].join(', ')
}

const figuresText = (figures: Readonly<Record<string, number>>): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ')

/** The figures of the model, and of every vif, for who looks into the controller. */
function details({ tuning, promises }: ShownTuning, columns: number): string[] {
  const ofVif = ({ name, weight, limits, decision }: VifTuning): string[] => {
    const { maxFrames } = limits
    const promise = promises.find((each) => each.name === name)
    const texts = [
      `${name}: weight ${weight}, holds ${delayText(limits.holdUs)}${maxFrames >= NO_LIMIT ? '' : `, at most ${maxFrames} frames`}`,
      `p99 of 10 s: queue ${delay(promise?.queueP99Us ?? null)}, hold ${delay(promise?.holdP99Us ?? null)}; of 5 min: ${delay(promise?.last300s.p99Us ?? null)} of ${promise?.last300s.frames ?? 0} frames`,
      ...(decision ? [`${decision.verdict}: ${figuresText(decision.figures)}`] : []),
    ]
    return wrap(texts.join('; '), columns, INDENT)
  }
  const engine = figuresText(tuning.figures)
  return [
    ...(engine === '' ? [] : ['', ...wrap(`engine: ${engine}`, columns, INDENT)]),
    ...tuning.vifs.flatMap((vif) => ['', ...ofVif(vif)]),
  ]
}

/** The tuning in lines of at most so many columns, 80 or more. @param verbose with the figures of the model */
export function showTuning(shown: ShownTuning, columns: number, verbose = false): string {
  const { tuning, promises } = shown
  const said = remarks(promises, columns)
  return [
    ...wrap(policyLine(tuning), columns, INDENT),
    ...wrap(awakeLine(tuning.awake), columns, INDENT),
    '',
    ...(promises.length === 0
      ? ['there are no vifs']
      : [...table(promises, columns), ...wrap(LEGEND, columns)]),
    ...(said.length === 0 ? [] : ['', ...said]),
    ...(verbose ? details(shown, columns) : []),
  ].join('\n')
}
