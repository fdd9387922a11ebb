import { describe, expect, it } from 'vitest'
import { coverage, usualRadius } from './coverage.js'
import { type Distances, euclideanDistances, kMedoids } from './k-medoids.js'
import { principalComponents } from './principal-components.js'
import { seededRandom } from './random.js'
import { chooseClusters, meanSilhouette, silhouettes } from './silhouette.js'
import { spansDecades, standardise } from './standardise.js'
import { mean } from './summary.js'

/** `each` points about each centre, uniform within `spread` of it. */
function blobs(centres: readonly (readonly [number, number])[], each: number, spread: number, seed: number) {
  const random = seededRandom(seed)
  return centres.flatMap(([x, y]) =>
    Array.from({ length: each }, () => [
      x + (random() - 0.5) * 2 * spread,
      y + (random() - 0.5) * 2 * spread,
    ]),
  )
}

/** The least cost of all choices of k medoids. */
function leastCost(distances: Distances, k: number): number {
  const choose = (from: number, chosen: readonly number[]): number => {
    if (chosen.length === k)
      return distances.reduce((sum, row) => sum + Math.min(...chosen.map((medoid) => row[medoid]!)), 0)
    let best = Number.POSITIVE_INFINITY
    for (let item = from; item < distances.length; item++)
      best = Math.min(best, choose(item + 1, [...chosen, item]))
    return best
  }
  return choose(0, [])
}

const CENTRES = [
  [0, 0],
  [10, 0],
  [0, 10],
] as const

describe('kMedoids', () => {
  it('kMedoids recovers the groups when they are apart', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { medoids, assignment } = kMedoids(euclideanDistances(blobs(CENTRES, 7, 2, seed)), 3)
      expect(assignment).toEqual(Array.from({ length: 21 }, (_, item) => Math.floor(item / 7)))
      expect(medoids.map((medoid) => Math.floor(medoid / 7))).toEqual([0, 1, 2])
    }
  })

  it('kMedoids takes the known medoids when points are on a line', () => {
    const found = kMedoids(euclideanDistances([[1], [2], [3], [8], [9], [11]]), 2)
    expect(found).toEqual({ medoids: [1, 4], assignment: [0, 0, 0, 1, 1, 1], cost: 1 + 1 + 1 + 2 })
  })

  it('kMedoids cannot be bettered by one swap, and is near the best cost, when noise has no structure', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const distances = euclideanDistances(blobs([[0, 0]], 11, 5, seed))
      const { cost, medoids } = kMedoids(distances, 3)
      for (let at = 0; at < 3; at++) {
        for (let item = 0; item < 11; item++) {
          const swapped = medoids.with(at, item)
          const other = distances.reduce((sum, row) => sum + Math.min(...swapped.map((m) => row[m]!)), 0)
          expect(other).toBeGreaterThanOrEqual(cost - 1e-9)
        }
      }
      const least = leastCost(distances, 3)
      expect(cost).toBeGreaterThanOrEqual(least - 1e-9)
      expect(cost).toBeLessThanOrEqual(least * 1.1)
    }
  })

  it('kMedoids keeps the groups when a few outliers are mixed in', () => {
    const rows = [...blobs(CENTRES, 12, 1.5, 5), [4, 4], [5, 5]]
    const { assignment } = kMedoids(euclideanDistances(rows), 3)
    expect(assignment.slice(0, 36)).toEqual(Array.from({ length: 36 }, (_, item) => Math.floor(item / 12)))
  })

  it('kMedoids prefers low indices when all is equal, and ends when points coincide', () => {
    const same = euclideanDistances(Array.from({ length: 5 }, () => [1, 1]))
    expect(kMedoids(same, 2)).toEqual({ medoids: [0, 1], assignment: [0, 1, 0, 0, 0], cost: 0 })
    const square = euclideanDistances([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ])
    expect(kMedoids(square, 1).medoids).toEqual([0])
    expect(kMedoids(square, 2)).toEqual(kMedoids(square, 2))
  })

  it('kMedoids makes every item a medoid when k is their number, and refuses other k', () => {
    const distances = euclideanDistances([[3], [1], [2]])
    expect(kMedoids(distances, 3)).toEqual({ medoids: [0, 1, 2], assignment: [0, 1, 2], cost: 0 })
    for (const k of [0, 4, 1.5]) expect(() => kMedoids(distances, k)).toThrow('k is 1 to 3')
  })
})

describe('silhouette', () => {
  it('silhouettes are the values by hand when points are on a line', () => {
    // Groups {1, 2} and {6, 8}: of 1, a = 1 and b = (5 + 7) / 2.
    const distances = euclideanDistances([[1], [2], [6], [8]])
    const [first, second, third, fourth] = silhouettes(distances, [0, 0, 1, 1])
    expect(first).toBeCloseTo(1 - 1 / 6, 12)
    expect(second).toBeCloseTo(1 - 1 / 5, 12)
    expect(third).toBeCloseTo(1 - 2 / 4.5, 12)
    expect(fourth).toBeCloseTo(1 - 2 / 6.5, 12)
    expect(silhouettes(distances, [0, 1, 1, 0])[0]).toBeLessThan(0)
  })

  it('silhouettes are 0 when an item is alone or there is one group', () => {
    const distances = euclideanDistances([[1], [2], [9]])
    expect(silhouettes(distances, [0, 0, 1])[2]).toBe(0)
    expect(meanSilhouette(distances, [0, 0, 0])).toBe(0)
    expect(silhouettes(euclideanDistances([[1], [1], [1]]), [0, 0, 1])).toEqual([0, 0, 0])
  })

  it('chooseClusters finds the number of groups when they are apart', () => {
    for (const centres of [CENTRES.slice(0, 2), CENTRES, [...CENTRES, [10, 10], [20, 5]] as const]) {
      for (let seed = 1; seed <= 5; seed++) {
        const { k, tried } = chooseClusters(euclideanDistances(blobs(centres, 6, 1, seed)), 8)
        expect(k).toBe(centres.length)
        expect(tried.map((each) => each.k)).toEqual([2, 3, 4, 5, 6, 7, 8])
        expect(tried.find((each) => each.k === k)!.silhouette).toBeGreaterThan(0.7)
      }
    }
    expect(() => chooseClusters(euclideanDistances([[1], [2]]), 8)).toThrow('3 items')
  })
})

describe('coverage', () => {
  it('coverage is the share within the radius and the part explained when worked by hand', () => {
    const distances = euclideanDistances([[0], [1], [2], [10], [11], [14]])
    const clustering = kMedoids(distances, 2)
    expect(clustering.medoids).toEqual([1, 4])
    // Others lie 1, 1, 1, 3 from their medoid; the best single one is 2: 2 + 1 + 8 + 9 + 12.
    expect(coverage(distances, clustering, 1)).toEqual({ radius: 1, within: 0.75, explained: 1 - 6 / 32 })
    expect(coverage(distances, clustering, 3).within).toBe(1)
    expect(coverage(distances, kMedoids(distances, 1), 0).explained).toBe(0)
    expect(coverage(distances, kMedoids(distances, 6), 0)).toEqual({ radius: 0, within: 1, explained: 1 })
    expect(usualRadius(euclideanDistances([[0], [1], [4]]))).toBe(1.5)
  })
})

describe('standardise', () => {
  it('standardise gives mean 0 and deviation 1 when columns vary, and 0 when they do not', () => {
    const { rows, constant } = standardise([
      [1, 5, 0],
      [2, 5, 10],
      [3, 5, 1000],
    ])
    expect(constant).toEqual([1])
    for (const at of [0, 2]) {
      const column = rows.map((row) => row[at]!)
      expect(mean(column)).toBeCloseTo(0, 12)
      expect(mean(column.map((value) => value ** 2))).toBeCloseTo(1, 12)
    }
    expect(rows.map((row) => row[1])).toEqual([0, 0, 0])
  })

  it('standardise makes decades equal steps when a column is taken as logarithms', () => {
    const { rows } = standardise([[0], [1e3], [1e5], [1e7], [1e9]], [true])
    const [, a, b, c, d] = rows.map((row) => row[0]!)
    expect(c! - b!).toBeCloseTo(d! - c!, 2)
    expect(b! - a!).toBeGreaterThan(0.8 * (d! - c!))
    expect(() => standardise([[-1], [1]], [true])).toThrow('no logarithm')
    expect(() => standardise([[1], [1, 2]])).toThrow('rows of 1')
    expect(spansDecades([0, 3, 31])).toBe(true)
    expect(spansDecades([3, 29])).toBe(false)
    expect(spansDecades([-3, 3000])).toBe(false)
  })
})

describe('principalComponents', () => {
  it('principalComponents finds the line when points lie on one', () => {
    const { scores, shares, weights } = principalComponents([
      [0, 0, 1],
      [3, 4, 1],
      [6, 8, 1],
    ])
    expect(shares[0]).toBeCloseTo(1, 9)
    expect(weights[0]![0]).toBeCloseTo(0.6, 9)
    expect(weights[0]![1]).toBeCloseTo(0.8, 9)
    expect(scores.map((score) => Math.round(score[0]! * 1e6) / 1e6)).toEqual([-5, 0, 5])
    expect(scores.every((score) => Math.abs(score[1]!) < 1e-9)).toBe(true)
  })

  it('principalComponents keeps distances when all components are taken', () => {
    const rows = blobs(CENTRES, 4, 3, 9).map(([x, y]) => [x!, y!, x! * 0.5 - y! * y! * 0.1])
    const { scores, shares } = principalComponents(rows, 3)
    const [before, after] = [euclideanDistances(rows), euclideanDistances(scores)]
    before.forEach((row, i) => {
      row.forEach((distance, j) => {
        expect(after[i]![j]).toBeCloseTo(distance, 8)
      })
    })
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(shares[0]).toBeGreaterThan(shares[1]!)
  })
})
