import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeLabels } from './label-placement.js'
import { exactText, shortText } from './number-text.js'
import { createScale, isShowable } from './scale.js'
import { textWidth, truncate, wrap } from './text-measure.js'

const texts = (scale: ReturnType<typeof createScale>) => scale.ticks.map((tick) => tick.text)

test('createScale has round ticks around the values when the axis is linear', () => {
  expect(texts(createScale({ label: '' }, [3, 97], 5))).toEqual(['0', '20', '40', '60', '80', '100'])
  expect(texts(createScale({ label: '' }, [100_001, 100_004], 3))).toEqual([
    '100.001k',
    '100.002k',
    '100.003k',
    '100.004k',
  ])
  expect(texts(createScale({ label: '' }, [4], 5))).toEqual(['3', '4', '5'])
})

test('createScale has decades when the axis is logarithmic and passes over what it cannot show', () => {
  const scale = createScale({ label: '', scale: 'log' }, [0, -5, 3, 40_000], 5)
  expect(texts(scale)).toEqual(['1', '10', '100', '1000', '10k', '100k'])
  expect(scale.place(scale.from)).toBe(0)
  expect(scale.place(scale.to)).toBeCloseTo(1, 12)
  expect(scale.place(0)).toBeNaN()
})

test('createScale sets 90, 99 and 99.9 equally far apart when the axis is of percentiles', () => {
  const { place } = createScale({ label: '', scale: 'percentile' }, [0, 99.9], 5)
  expect(place(99) - place(90)).toBeCloseTo(place(99.9) - place(99), 9)
})

test('createScale puts every value between its ends and ascends', () => {
  const values = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(values, fc.constantFrom('linear' as const, 'log' as const), (list, kind) => {
      const scale = createScale({ label: '', scale: kind }, list, 5)
      for (const value of list) {
        if (!isShowable(kind, value)) continue
        expect(scale.place(value)).toBeGreaterThanOrEqual(-1e-6)
        expect(scale.place(value)).toBeLessThanOrEqual(1 + 1e-6)
      }
      expect(scale.ticks.length).toBeLessThan(16)
      expect(scale.ticks.every((tick, at) => at === 0 || tick.value > scale.ticks[at - 1]!.value)).toBe(true)
    }),
  )
})

test('exactText and shortText keep what matters of a figure', () => {
  expect([0, 1234567, 0.000123456, -12.5, 9999.96, Number.NaN].map(exactText)).toEqual([
    ...['0', '1\u202f234\u202f567', '0.0001235', '−12.5', '10\u202f000', '–'],
  ])
  expect([0, 941, 12_340, 1_500_000, 0.05, 1e-9, -2e4].map((value) => shortText(value))).toEqual([
    ...['0', '941', '12.3k', '1.5M', '0.05', '1e−9', '−20k'],
  ])
})

test('wrap and truncate never give a line that is wider than its room', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), fc.integer({ min: 30, max: 300 }), (text, width) => {
      for (const line of wrap(text, 14, width, 3)) expect(textWidth(line, 14)).toBeLessThanOrEqual(width)
      expect(textWidth(truncate(text, 14, width), 14)).toBeLessThanOrEqual(width)
    }),
  )
})

test('placeLabels gives places that neither overlap nor leave the bounds', () => {
  const spot = fc.record({ x: fc.integer({ min: 0, max: 400 }), y: fc.integer({ min: 0, max: 300 }) })
  fc.assert(
    fc.property(fc.array(spot, { maxLength: 25 }), (spots) => {
      const requests = spots.map(({ x, y }, at) => ({ text: `label ${at}`, x, y, radius: 5 }))
      const boxes = placeLabels(requests, 13, { left: 0, top: 0, right: 400, bottom: 300 })
        .filter((label) => label !== undefined)
        .map(({ text, x, y, anchor }) => {
          const width = textWidth(text, 13)
          const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2
          return { left, right: left + width, top: y - 11, bottom: y + 2 }
        })
      boxes.forEach((a, i) => {
        expect(a.left).toBeGreaterThanOrEqual(-1e-9)
        expect(a.right).toBeLessThanOrEqual(400 + 1e-9)
        for (const b of boxes.slice(i + 1)) {
          const apart =
            a.right <= b.left + 1e-9 ||
            b.right <= a.left + 1e-9 ||
            a.bottom <= b.top + 1 ||
            b.bottom <= a.top + 1
          expect(apart).toBe(true)
        }
      })
    }),
  )
})
