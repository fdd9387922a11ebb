/** A validation as sections of a page, for HTML and Markdown alike. */
import type { Section } from '../../lab/report/sections.js'
import type { Interval } from '../../stats/interval.js'
import { COMPARED, COMPARED_NAMES, type Validation } from './validate.js'
import { errorsOf, percentText, regimesOf, verdictOf } from './verdict.js'

/** Three digits, or as many as a whole number has. */
const digits = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString()

const bounded = ({ estimate, low, high }: Interval): string =>
  low === high ? digits(estimate) : `${digits(estimate)} [${digits(low)}, ${digits(high)}]`

const MOST_REGIMES = 12

/** The errors by metric, as rows. */
export function errorRows(validation: Validation): string[][] {
  return errorsOf(validation).map(({ name, cells, mape, bias, worst, within }) => [
    COMPARED[name].label,
    String(cells),
    percentText(mape).replace('+', ''),
    percentText(bias),
    percentText(worst.error),
    within === undefined ? '–' : `${within} of ${cells}`,
  ])
}
export const ERROR_HEAD = ['what', 'cells', 'mean error', 'bias', 'worst', 'within the aim']

/** Where the model is wrong, as sentences. */
export function regimeSentences(validation: Validation): string[] {
  return regimesOf(validation)
    .slice(0, MOST_REGIMES)
    .map(
      ({ factor, value, name, cells, bias }) =>
        `${factor} = ${value}: ${COMPARED[name].label} ${percentText(bias)}, mean of ${cells} cells that all err that way.`,
    )
}

/** @param about sentences on what was held out and how quiet it was */
export function validationSections(
  validation: Validation,
  { which, about }: { readonly which: string; readonly about: readonly string[] },
): Section[] {
  const { cells, left } = validation
  const factors = [...new Set(cells.flatMap((cell) => Object.keys(cell.factors)))]
  const distances = cells.flatMap((cell) => cell.ksDistance ?? [])
  const regimes = regimeSentences(validation)
  return [
    {
      ...{ id: 'answer', title: 'Short answer', level: 2 },
      blocks: [
        ...verdictOf(validation, which).map((text) => ({ kind: 'answer' as const, text })),
        ...about.map((text) => ({ kind: 'text' as const, text })),
      ],
    },
    {
      ...{ id: 'errors', title: 'Errors by metric', level: 2 },
      blocks: [
        {
          kind: 'table',
          table: { head: ERROR_HEAD, rows: errorRows(validation) },
          caption: 'Mean error: mean of |predicted / measured - 1| over cells; bias: the same with its sign',
        },
        ...(distances.length === 0
          ? []
          : [
              {
                kind: 'text' as const,
                text: `Distributions of the delay from program to program lie ${digits(Math.max(...distances))} apart at most, ${digits(distances.reduce((a, b) => a + b, 0) / distances.length)} in the mean (Kolmogorov-Smirnov, at the percentiles that the lab records; 0: alike, 1: apart).`,
              },
            ]),
      ],
    },
    {
      ...{ id: 'regimes', title: 'Where the model is wrong', level: 2 },
      blocks: [
        regimes.length > 0
          ? { kind: 'list', items: regimes }
          : {
              kind: 'text',
              text: 'No value of a factor has all its cells predicted too high, or all too low, by more than the aim.',
            },
      ],
    },
    {
      ...{ id: 'cells', title: 'Cells', level: 2 },
      blocks: [
        {
          kind: 'text' as const,
          text: 'In brackets the 95 % interval of the mean over rounds, or over simulated runs; of delays, which are medians over them, the range.',
        },
        ...COMPARED_NAMES.flatMap((name) => {
          const rows = cells.flatMap(({ factors: own, compared, ksDistance }) => {
            const one = compared[name]
            if (!one) return []
            return [
              [
                ...factors.map((factor) => String(own[factor] ?? '')),
                bounded(one.measured),
                bounded(one.predicted),
                percentText(one.error),
                ...(name === 'p99Us' ? [ksDistance === undefined ? '–' : digits(ksDistance)] : []),
              ],
            ]
          })
          if (rows.length === 0) return []
          const { label, unit } = COMPARED[name]
          const head = [
            ...factors,
            `measured (${unit})`,
            'predicted',
            'error',
            ...(name === 'p99Us' ? ['KS'] : []),
          ]
          return [
            {
              kind: 'table' as const,
              table: { head, rows },
              caption: `${label[0]!.toUpperCase()}${label.slice(1)}`,
            },
          ]
        }),
      ],
    },
    ...(left.length === 0
      ? []
      : [
          {
            ...{ id: 'left', title: 'Cells without a model', level: 2 as const },
            blocks: [{ kind: 'list' as const, items: left.map(({ cell, why }) => `${cell}: ${why}`) }],
          },
        ]),
  ]
}
