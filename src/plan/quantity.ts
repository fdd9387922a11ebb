/** Quantities as people write them: a number, and a unit unless the usual one is meant. */
import { RingferryError } from '../errors/errors.js'

/** Units by their names in lower case, with what one of them is in the unit of the result. */
export interface Units {
  /** What is measured, after "is no". */
  readonly what: string
  readonly units: Readonly<Record<string, number>>
  /** Of a number without a unit; undefined: it needs one. */
  readonly usual?: string
  readonly examples: string
}

const bits = { '': 1, k: 1e3, m: 1e6, g: 1e9 }
const suffixed = (scales: Readonly<Record<string, number>>, suffixes: readonly string[]) =>
  Object.fromEntries(
    suffixes.flatMap((suffix) => Object.entries(scales).map(([unit, factor]) => [unit + suffix, factor])),
  )

/** Bits a second. */
export const BIT_RATE: Units = {
  what: 'rate of bits',
  units: {
    ...suffixed({ k: 1e3, m: 1e6, g: 1e9 }, ['']),
    ...suffixed(bits, ['b/s', 'bit/s', 'bps', 'bit']),
  },
  examples: '10g, 2.5Gb/s, 500Mb/s',
}

/** Microseconds. */
export const DURATION: Units = {
  what: 'time',
  units: { us: 1, µs: 1, ms: 1e3, s: 1e6 },
  examples: '300us, 0.3ms',
}

/** Bytes. */
export const SIZE: Units = {
  what: 'size',
  units: { b: 1, kb: 1e3, mb: 1e6, kib: 1024, mib: 1024 ** 2, k: 1e3, m: 1e6 },
  usual: 'b',
  examples: '64B, 10KB, 1MB',
}

/** Things a second. */
export const FREQUENCY: Units = {
  what: 'number a second',
  units: { '/s': 1, 'k/s': 1e3, 'm/s': 1e6, k: 1e3, m: 1e6, pps: 1, kpps: 1e3, mpps: 1e6 },
  usual: '/s',
  examples: '500/s, 20k/s',
}

const WRITTEN = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-zµ/]*)$/

/**
 * A positive quantity. Throws USAGE.
 * @param name whose it is, as `--nic`
 */
export function parseQuantity(text: string, name: string, { what, units, usual, examples }: Units): number {
  const [, number, unit] = WRITTEN.exec(text.trim().toLowerCase()) ?? []
  const factor = unit === undefined ? undefined : units[unit === '' ? (usual ?? '') : unit]
  const value = factor === undefined ? Number.NaN : Number(number) * factor
  if (!(value > 0 && Number.isFinite(value)))
    throw new RingferryError('USAGE', `${name}: "${text}" is no ${what} above 0; write it as ${examples}`)
  return value
}
