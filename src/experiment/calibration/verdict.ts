/** What a validation says as a whole: errors by metric, and where the model is wrong. */
import { mean } from '../../stats/summary.js'
import { COMPARED, COMPARED_NAMES, type ComparedName, type Validation } from './validate.js'

export interface MetricError {
  readonly name: ComparedName
  readonly cells: number
  /** Mean absolute error, as a part of what was measured. */
  readonly mape: number
  /** With its sign: above 0 is predicted too high. */
  readonly bias: number
  readonly worst: { readonly cell: string; readonly error: number }
  /** Cells within the aim; undefined: there is none. */
  readonly within: number | undefined
  /** Cells beyond the aim whose own interval is wider than it. */
  readonly unclear: number
}

/** A value of a factor whose cells are all predicted too high, or too low. */
export interface Regime {
  readonly factor: string
  readonly value: string
  readonly name: ComparedName
  readonly cells: number
  readonly bias: number
}

const aimOf = (name: ComparedName): number | undefined => (COMPARED[name] as { aim?: number }).aim
/** What counts as wrong where nothing is aimed at. */
const WRONG = 0.2
/** Cells of a regime, at least. */
const LEAST_CELLS = 2

export function errorsOf({ cells }: Validation): MetricError[] {
  return COMPARED_NAMES.flatMap((name): MetricError[] => {
    const known = cells.flatMap(({ cell, compared }) => {
      const one = compared[name]
      return one ? [{ cell, ...one }] : []
    })
    if (known.length === 0) return []
    const aim = aimOf(name)
    const beyond = known.filter(({ error }) => aim !== undefined && Math.abs(error) > aim)
    const worst = known.reduce((a, b) => (Math.abs(b.error) > Math.abs(a.error) ? b : a))
    return [
      {
        ...{ name, cells: known.length },
        mape: mean(known.map(({ error }) => Math.abs(error))),
        bias: mean(known.map(({ error }) => error)),
        worst: { cell: worst.cell, error: worst.error },
        within: aim === undefined ? undefined : known.length - beyond.length,
        unclear: beyond.filter(
          ({ measured: { estimate, high } }) => aim !== undefined && high - estimate > aim * estimate,
        ).length,
      },
    ]
  })
}

/** The regimes in which the model is wrong, the worst first. */
export function regimesOf({ cells }: Validation): Regime[] {
  const factors = [...new Set(cells.flatMap((cell) => Object.keys(cell.factors)))]
  const regimes = factors.flatMap((factor) => {
    const values = [...new Set(cells.flatMap((cell) => cell.factors[factor] ?? []))].map(String)
    return values.flatMap((value) =>
      COMPARED_NAMES.flatMap((name): Regime[] => {
        const errors = cells.flatMap(({ factors: own, compared }) => {
          const one = compared[name]
          return one && String(own[factor]) === value ? [one.error] : []
        })
        if (errors.length < LEAST_CELLS) return []
        const isOneWay = errors.every((error) => error > 0) || errors.every((error) => error < 0)
        const bias = mean(errors)
        if (!isOneWay || Math.abs(bias) <= (aimOf(name) ?? WRONG)) return []
        return [{ factor, value, name, cells: errors.length, bias }]
      }),
    )
  })
  return regimes.sort((a, b) => Math.abs(b.bias) - Math.abs(a.bias))
}

export const percentText = (part: number): string =>
  `${part > 0 ? '+' : ''}${(part * 100).toFixed(Math.abs(part) < 0.1 ? 1 : 0)} %`
const plain = (part: number): string => `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`

/** The answer, most important first. */
export function verdictOf(validation: Validation, which: string): string[] {
  const aimed = errorsOf(validation).filter(({ within }) => within !== undefined)
  return aimed.map(({ name, cells, within, mape, worst, unclear }) => {
    const { label } = COMPARED[name]
    const missed = cells - within!
    const beyond =
      missed === 0
        ? ''
        : `; the worst is ${percentText(worst.error)} in ${worst.cell}${unclear > 0 ? `; ${unclear} of the ${missed} missed were themselves not measured as exactly as that` : ''}`
    return `${label[0]!.toUpperCase()}${label.slice(1)} is predicted within ${plain(aimOf(name)!)} on ${within} of ${cells} ${which}; the mean error is ${plain(mape)}${beyond}.`
  })
}
