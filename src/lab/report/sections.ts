/**
 * The text of a report as a list of blocks, once for all forms: HTML and Markdown only say how a block looks.
 * Nothing in a block is escaped.
 */
import type { ChartTable } from '../../plot/chart.js'
import { factText, ranTable, switchTable } from './facts.js'
import { entryTable, type Picture } from './figure.js'
import type { Report } from './report.js'
import { estimateText, headText, measureOf, percentText } from './wording.js'

export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly strong?: boolean }
  /** A sentence of the answer: larger than other text. */
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly table: ChartTable; readonly caption: string }
  /** A table that is folded away under its caption. */
  | { readonly kind: 'details'; readonly table: ChartTable; readonly caption: string }
  | { readonly kind: 'picture'; readonly picture: Picture; readonly id: string; readonly table: ChartTable }

export interface Section {
  readonly id: string
  readonly title: string
  readonly level: 2 | 3
  readonly blocks: readonly Block[]
}

const text = (words: string, strong = false): Block => ({ kind: 'text', text: words, strong })
const list = (items: readonly string[]): Block[] => (items.length === 0 ? [] : [{ kind: 'list', items }])

function answer(report: Report): Section {
  const { answer: sentences, headline, headlineOf, status, complete, cautions } = report
  const blocks: Block[] = [
    ...sentences.map((words): Block => ({ kind: 'answer', text: words })),
    text(status, !complete),
    ...cautions.map((words) => text(words, true)),
  ]
  if (report.cells.every(({ measurements }) => measurements.length === 0))
    blocks.push(text('No figure could be made from what was measured.', true))
  if (headline.length > 0) {
    const first = report.figures.find(({ title }) => title === headlineOf)
    const more = first && first.headline.length < first.entries.filter(({ estimate }) => estimate).length
    blocks.push({
      kind: 'table',
      table: entryTable(headline),
      caption: `${headlineOf}${more ? ' (a part; all below)' : ''}`,
    })
  }
  return { id: 'answer', title: 'Short answer', level: 2, blocks }
}

function figures(report: Report): Section[] {
  const head: Section = {
    ...{ id: 'figures', title: 'Figures', level: 2 as const },
    blocks: [
      text(
        'A figure is the mean over rounds with the 95 % interval of Student’s t; it holds if rounds are about normal. Whiskers are these intervals, dots the single runs, hollow where the machine was not quiet before. A cross marks what was planned and not measured, a dash what nobody published. Every chart has its figures in the table under it.',
      ),
    ],
  }
  return [
    head,
    ...report.figures.map(({ id, title, pictures, table, notes, kind }): Section => {
      const folded = kind === 'table' ? ('table' as const) : ('details' as const)
      const caption = kind === 'table' ? title : `Figures as a table: ${title}`
      return {
        id: `about-${id}`,
        title,
        level: 3,
        blocks: [
          ...pictures.map(
            (picture, at): Block => ({
              kind: 'picture',
              picture,
              table,
              id: at === 0 ? id : `${id}-${at + 1}`,
            }),
          ),
          ...list(notes),
          ...(table.head.length > 0 ? [{ kind: folded, table, caption }] : []),
        ],
      }
    }),
  ]
}

/** Whether processors slept between two frames: it changes most figures. */
function awakeWords({ cells }: Report): string[] {
  const states = cells.flatMap(({ measurements: [first] }) =>
    first === undefined ? [] : [Boolean(first.switch.awake)],
  )
  if (states.length === 0) return []
  const how =
    'by a thread of the idle class on each, which takes time from nobody; what it burns is in no other figure'
  const awake = states.filter(Boolean).length
  if (awake === states.length) return [`Processors were kept awake in all cells, ${how}.`]
  if (awake === 0) return ['Processors were left to sleep in all cells.']
  return [
    `Processors were kept awake in ${awake} of ${states.length} cells, ${how}; in the others they were left to sleep.`,
  ]
}

function method(report: Report): Section {
  const { window, rounds, counts, header, study } = report
  const half = percentText(rounds.halfWidth)
  return {
    id: 'method',
    title: 'What was measured, and how',
    level: 2,
    blocks: [
      text(study.method),
      ...list([
        `Window: ${window.measureS} s measured after ${window.warmUpS} s of warm-up that is dropped${study.cells.some((group) => group.window) ? ' (some groups of cells have their own)' : ''}.`,
        `Rounds: ${rounds.min} to ${rounds.max}; a cell is repeated until half its 95 % interval is at most ${half} of ${headText(measureOf(study.primary))}.`,
        `Order: in every round all cells once, in an order drawn by chance from seed ${header.seed}, so that a slow change of the machine meets all cells alike.`,
        ...awakeWords(report),
        `Guests: ${header.guests}. Cells: ${counts.measured} of ${counts.planned} planned were measured, ${counts.measurements} measurements in all.`,
        ...(report.imprecise.length > 0
          ? [`Interval still wider than asked after the last round: ${report.imprecise.join('; ')}.`]
          : []),
      ]),
      { kind: 'details', table: ranTable(report), caption: 'Cells and what really ran in them' },
      { kind: 'details', table: switchTable(report), caption: 'Switches and what was negotiated' },
    ],
  }
}

function machine(report: Report): Section {
  const { header, version, commands } = report
  const facts = Object.entries(header.machine).map(([name, value]) => [name, factText(value)])
  return {
    id: 'machine',
    title: 'Machine and provenance',
    level: 2,
    blocks: [
      {
        kind: 'table',
        caption: 'Provenance',
        table: {
          head: ['what', 'value'],
          rows: [
            ['run', report.run],
            ['measured by', commands.measured],
            ['report by', commands.report],
            ['started', header.startedAt],
            ...report.events.map(({ type, at, detail }) => [type, detail === '' ? at : `${at}: ${detail}`]),
            ['seed', String(header.seed)],
            ['SHA-256 of study and options', header.studyHash],
            ...(version === undefined ? [] : [['Ringferry that wrote this report', version]]),
          ],
        },
      },
      { kind: 'table', caption: 'Machine', table: { head: ['what', 'value'], rows: facts } },
    ],
  }
}

function noise(report: Report): Section {
  const { marked, twins } = report.noise
  const [primary] = twins
  const words =
    primary === undefined
      ? report.study.aa
        ? 'The A/A pair of this study was not measured: nothing says how much two equal measurements differ.'
        : 'This study has no A/A pair: nothing says how much two equal measurements differ.'
      : primary.floor === undefined
        ? `One A/A pair: the second measurement was ${estimateText(primary.ratio)} times the first. One pair says little of the noise.`
        : `A/A: equal measurements differed by a factor of ${estimateText(primary.ratio)} in ${headText(measureOf(primary.value))} (${primary.ratio.n} pairs). Effects below ${percentText(primary.floor)} are hidden in this noise${primary.biased ? '; the interval leaves out 1: something that changes with time or order disturbs this run' : ''}.`
  const rows = twins.map(({ cell, value, ratio, floor }) => [
    cell,
    headText(measureOf(value)),
    estimateText(ratio),
    String(ratio.n),
    floor === undefined ? 'not known' : percentText(floor),
  ])
  return {
    id: 'noise',
    title: 'Noise',
    level: 2,
    blocks: [
      text(words),
      ...(rows.length > 0
        ? [
            {
              kind: 'table' as const,
              caption: 'A/A: second measurement over first',
              table: {
                head: ['cell', 'value', 'ratio (95 % interval)', 'pairs', 'hides effects below'],
                rows,
              },
            },
          ]
        : []),
      text(
        marked.length === 0
          ? 'The machine was quiet before every measurement.'
          : `${marked.length} of ${report.counts.measurements} measurements began on a machine that was not quiet. They are marked and counted like the others.`,
      ),
      ...(marked.length > 0
        ? [
            {
              kind: 'details' as const,
              caption: 'Marked measurements',
              table: {
                head: ['cell', 'round', 'why'],
                rows: marked.map(({ cell, round, reasons }) => [cell, String(round + 1), reasons.join('; ')]),
              },
            },
          ]
        : []),
    ],
  }
}

function failures(report: Report): Section {
  const { missing, failures: attempts } = report
  const blocks: Block[] = []
  if (missing.length === 0) blocks.push(text('Nothing that was planned is missing.'))
  else
    blocks.push({
      kind: 'table',
      caption: 'Planned, and not measured or not often enough',
      table: {
        head: ['cell', 'rounds', 'why'],
        rows: missing.map(({ cell, rounds, wanted, reason }) => [cell, `${rounds} of ${wanted}`, reason]),
      },
    })
  if (attempts.length === 0) blocks.push(text('No measurement failed.'))
  else
    blocks.push({
      kind: missing.length === 0 ? 'table' : 'details',
      caption: `Failed attempts (${attempts.length})`,
      table: {
        head: ['cell', 'round', 'when', 'why'],
        rows: attempts.map(({ cell, round, at, reason, impossible }) => [
          cell,
          String(round + 1),
          at,
          impossible ? `impossible here: ${reason}` : reason,
        ]),
      },
    })
  return { id: 'missing', title: 'Failures and what is missing', level: 2, blocks }
}

/** All sections in their order. */
export function sectionsOf(report: Report): Section[] {
  return [
    answer(report),
    { id: 'question', title: 'Question', level: 2, blocks: [text(report.study.question)] },
    {
      id: 'not-conclude',
      title: 'What you may not conclude',
      level: 2,
      blocks: list(report.study.notConclude),
    },
    ...figures(report),
    method(report),
    noise(report),
    failures(report),
    machine(report),
  ]
}
