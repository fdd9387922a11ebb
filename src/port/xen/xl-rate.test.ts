import { expect, it } from 'vitest'
import { parseVifRate } from '../../xen/backend-keys.js'
import { rateLimitOf } from './xl-rate.js'

it.each([
  // `rate=1Mb/s` and `rate=100KB/s` as libxl writes them, in intervals of 50 ms.
  ['6250,50000', { averageKiB: 122, burstKiB: 6 }],
  ['5000,50000', { averageKiB: 98, burstKiB: 5 }],
  ['1,50000', { averageKiB: 1, burstKiB: 1 }],
  ['999999999999999,1', { averageKiB: 8_388_608, burstKiB: 8_388_608 }],
])('rateLimitOf keeps to what may pass when the toolstack writes %s', (text, limit) => {
  expect(rateLimitOf(parseVifRate(text) ?? { bytes: 0, intervalUs: 1 })).toEqual(limit)
})

it.each([
  '',
  '0,50000',
  '100,0',
  '-1,50000',
  '1e9,50000',
  '100',
  '100,50000,1',
  'fast',
])('parseVifRate takes %j for no rate', (text) => expect(parseVifRate(text)).toBeUndefined())
