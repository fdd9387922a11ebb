import { describe, expect, it } from 'vitest'
import { alignReading } from './xen-align.js'
import type { DomainCount } from './xen-sample.js'

const count = (atS: number, n: number): DomainCount => ({
  ...{ atS, busyS: n / 100, events: n, grants: { operations: 0, lists: 0 } },
  port: { toVmFrames: 10 * n, drops: { rx_dropped: n } },
})

describe('alignReading', () => {
  it('alignReading tells the first reading as it is', () => {
    expect(alignReading(undefined, count(5, 7), 0).told).toEqual(count(5, 7))
  })

  it("alignReading tells what was counted as if for the driver domain's interval, reading by reading", () => {
    const first = alignReading(undefined, count(5, 100), 0)
    const second = alignReading(first, count(9, 500), 2)
    expect(second.told).toMatchObject({
      events: 300,
      busyS: 3,
      port: { toVmFrames: 3000, drops: { rx_dropped: 300 } },
    })
    const third = alignReading(second, count(10, 600), 2)
    expect(third.told).toMatchObject({ events: 500, port: { toVmFrames: 5000 } })
  })

  it('alignReading leaves rates of a domain as they are when all are read at once', () => {
    const first = alignReading(undefined, count(5, 100), 0)
    expect(alignReading(first, count(7, 300), 2).told.port.toVmFrames).toBe(3000)
  })
})
