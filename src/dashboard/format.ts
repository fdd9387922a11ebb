/** Numbers and times as they are shown. */

const PREFIXES = ['', 'k', 'M', 'G', 'T'] as const

/** "0", "0.4", "12.5 k", "1.23 M": three digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  let scaled = value
  let step = 0
  while (Math.abs(scaled) >= 999.5 && step < PREFIXES.length - 1) {
    scaled /= 1000
    step++
  }
  const size = Math.abs(scaled)
  const digits = size >= 99.95 || (step === 0 && size >= 9.95) ? 0 : size >= 9.995 || step === 0 ? 1 : 2
  const text = scaled.toFixed(digits).replace(/\.0+$/, '')
  return step === 0 ? text : `${text} ${PREFIXES[step]}`
}

/** A delay in microseconds: "12.5 us", "812 us", "37.9 ms", "1.2 s"; a dash for null. */
export function delay(us: number | null | undefined): string {
  if (us === null || us === undefined || !Number.isFinite(us)) return '–'
  const [value, unit] = us < 9_995 ? [us, 'us'] : us < 9_995_000 ? [us / 1e3, 'ms'] : [us / 1e6, 's']
  const rounded = Number(value.toPrecision(3))
  return `${rounded < 100 ? Math.round(rounded * 10) / 10 : Math.round(rounded)} ${unit}`
}

/** A round delay as a mark of an axis: "500 us", "1 ms". */
export const delayMark = (us: number): string =>
  us >= 1e6 ? `${us / 1e6} s` : us >= 1e3 ? `${us / 1e3} ms` : `${us} us`

/** A share as percent: 0.123 is "12.3 %"; a dash for null. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–'
  const value = share * 100
  return `${value >= 99.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`
}

/** "4 s", "12 min", "3 h 5 min", "2 d 4 h". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The time of day of an ISO time, in the zone of the browser: "14:03:59". */
export function clock(time: string | number): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Words of a name in code: "ring_full" is "ring full". */
export const words = (name: string): string => name.replaceAll(/[_-]/g, ' ')

/** A sentence of the API as it stands alone: "Missed by 812 us.", its times without date and thousandths. */
export function sentence(text: string): string {
  const local = text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => clock(time))
  if (local === '') return ''
  return `${local[0]?.toUpperCase()}${local.slice(1)}${/[.!?]$/.test(local) ? '' : '.'}`
}

/** A delay as somebody types it, "250", "250us", "1.5 ms", in microseconds; undefined: it is none. */
export function parseDelay(text: string): number | undefined {
  const [, digits, unit = 'us'] = /^\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s)?\s*$/i.exec(text) ?? []
  const value = Number(digits) * ({ ms: 1e3, s: 1e6 }[unit.toLowerCase()] ?? 1)
  return value > 0 ? value : undefined
}
