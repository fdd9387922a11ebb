/**
 * Weighted max-min fair shares: who asks for less than its weight's part gets all it asks for, and what it leaves is
 * divided among the others by weight. Shares sum to `total` unless all demands together are smaller.
 */
export function fairShares(demands: readonly number[], weights: readonly number[], total: number): number[] {
  const shares = demands.map(() => 0)
  const byNeed = demands
    .map((_, i) => i)
    .sort((a, b) => demands[a]! / weights[a]! - demands[b]! / weights[b]!)
  let left = total
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0)
  for (const i of byNeed) {
    shares[i] = Math.min(demands[i]!, (left * weights[i]!) / weightLeft)
    left -= shares[i]!
    weightLeft -= weights[i]!
  }
  return shares
}

/** All shares together. */
export function sumShares(shares: readonly number[]): number {
  return shares.reduce((sum, share) => sum + share, 0)
}
