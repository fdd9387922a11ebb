/** Axes: where their marks are. */

/** Round numbers from 0 up to at least `max`, about `count` steps. */
export function linearTicks(max: number, count: number): number[] {
  if (!(max > 0)) return [0]
  const rough = max / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) =>
    Number((i * step).toPrecision(12)),
  )
}

/** 1, 2 and 5 times powers of ten in a range; powers of ten alone where those are more than `count`. */
export function logTicks(min: number, max: number, count: number): number[] {
  const ticks = (factors: readonly number[]): number[] => {
    const all: number[] = []
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++)
      for (const factor of factors) all.push(Number((factor * 10 ** power).toPrecision(12)))
    return all.filter((each) => each >= min * 0.999 && each <= max * 1.001)
  }
  const fine = ticks([1, 2, 5])
  return fine.length <= count ? fine : ticks([1])
}
