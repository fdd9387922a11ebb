import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fifo } from './fifo.js'

const LENGTHS = fc.array(fc.nat(9), { maxLength: 40 })

describe('Fifo', () => {
  it('Fifo gives all items in their order when they move through a second one', () => {
    fc.assert(
      fc.property(LENGTHS, LENGTHS, (pushes, shifts) => {
        const [first, second] = [new Fifo(2), new Fifo(4)]
        const seen: number[] = []
        let next = 0
        for (const [step, count] of pushes.entries()) {
          for (let left = count; left > 0; left--) first.push(next++)
          first.moveTo(second)
          expect(first.size).toBe(0)
          for (let left = shifts[step] ?? 0; left > 0 && second.size > 0; left--) seen.push(second.shift())
        }
        while (second.size > 0) seen.push(second.shift())
        expect(seen).toEqual(Array.from({ length: next }, (_, at) => at))
      }),
    )
  })
})
