/** A delay in words, with three digits, which is as much as a histogram knows: "12.5 us", "1310 us", "37.9 ms", "12 s". */
export function delayText(us: number): string {
  const [value, unit] = us < 1e4 ? [us, 'us'] : us < 1e7 ? [us / 1e3, 'ms'] : [us / 1e6, 's']
  const rounded = Number(value.toPrecision(3))
  return `${rounded < 100 ? Math.round(rounded * 10) / 10 : Math.round(rounded)} ${unit}`
}
