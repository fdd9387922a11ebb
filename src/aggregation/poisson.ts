/**
 * Sums over the Poisson distribution that neither overflow nor lose their digits for a large mean: every sum runs over
 * the shorter tail, from its largest term outward, starting from a logarithm.
 */

/** ln(k!) by Stirling's series, exact products below 10; error under 1e-10. */
function logFactorial(k: number): number {
  if (k < 10) {
    let product = 1
    for (let i = 2; i <= k; i++) product *= i
    return Math.log(product)
  }
  const x = k + 1
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3)
}

function probability(mean: number, k: number): number {
  return Math.exp(k * Math.log(mean) - mean - logFactorial(k))
}

/** P(X <= k) for X Poisson with this mean (>= 0); 0 for k < 0. */
export function poissonAtMost(mean: number, k: number): number {
  if (k < 0) return 0
  if (mean === 0 || k === Number.POSITIVE_INFINITY) return 1
  const at = Math.floor(k)
  if (at < mean) {
    let term = probability(mean, at)
    let sum = 0
    for (let i = at; i >= 0 && term > sum * 1e-17; i--) {
      sum += term
      term *= i / mean
    }
    return sum
  }
  let term = probability(mean, at + 1)
  let sum = 0
  for (let i = at + 2; term > sum * 1e-17; i++) {
    sum += term
    term *= mean / i
  }
  return 1 - sum
}

/** E[min(X, k)] = sum over j = 1..k of P(X >= j). */
export function poissonCapped(mean: number, k: number): number {
  if (k <= 0) return 0
  if (k === Number.POSITIVE_INFINITY) return mean
  return mean * poissonAtMost(mean, k - 1) + k * (1 - poissonAtMost(mean, k))
}

/** Sum over j = 1..k of j P(X >= j), which is E[Y (Y + 1) / 2] for Y = min(X, k). */
export function poissonCappedTriangle(mean: number, k: number): number {
  if (k <= 0) return 0
  if (k === Number.POSITIVE_INFINITY) return (mean * mean) / 2 + mean
  const below = (mean * mean * poissonAtMost(mean, k - 2)) / 2 + mean * poissonAtMost(mean, k - 1)
  return below + ((k * (k + 1)) / 2) * (1 - poissonAtMost(mean, k))
}
