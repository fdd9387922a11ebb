import { expect, it } from 'vitest'
import { planeModule } from '../engine/plane-module.js'
import { heldOutCases, predictHeldOut } from './held-out.js'

const plane = planeModule()
const predictions = predictHeldOut({ seed: 1, plane })

it('predictHeldOut predicts every case a gain, as published', () => {
  expect(predictions.map(({ what }) => what)).toEqual(heldOutCases().map(({ what }) => what))
  for (const { what, predicted } of predictions) expect(predicted.low, what).toBeGreaterThan(1)
})

it('predictHeldOut takes errors from the nearest end of what was published', () => {
  for (const { predicted, published, error } of predictions) {
    const ends = published.map((end) => predicted.estimate / end - 1)
    const isWithin = ends[0]! >= 0 && ends[1]! <= 0
    expect(error).toBeCloseTo(isWithin ? 0 : ends[0]! < 0 ? ends[0]! : ends[1]!, 9)
  }
})

it('heldOutCases change the machine of the founding document and nothing else of it', () => {
  for (const { before, after, what } of heldOutCases()) {
    expect([before.generation, after.generation], what).toEqual(['2005', '2005'])
    expect(after.host, what).toEqual(before.host)
    expect(after.nics, what).toEqual(before.nics)
    expect(before.costs, what).toEqual({})
  }
})
