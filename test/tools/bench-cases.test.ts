import { expect, test } from 'vitest'

const { CASES, announcementOf, framesOf, ringSize } = await import(
  new URL('../../bench/lib/cases.mjs', import.meta.url).href
)
const { FEATURES_OF, PEER_AIMS } = await import(new URL('../../bench/pps/aims.mjs', import.meta.url).href)

interface Case {
  readonly name: string
  readonly pairs?: number
  readonly bytes?: number
  readonly flood?: boolean
  readonly tagged?: { readonly from: boolean; readonly to: boolean }
}
const all = CASES as readonly Case[]
const macs = (frame: Uint8Array, at: number) => Buffer.from(frame.subarray(at, at + 6)).toString('hex')
const isTagged = (frame: Uint8Array) => frame[12] === 0x81 && frame[13] === 0

test.each(all.map((each) => [each.name, each] as const))('framesOf makes what case %s says', (_, of) => {
  const frames: Uint8Array[] = framesOf(of)
  const pairs = of.pairs ?? 1
  expect([...new Set(frames.map((frame) => frame.length))]).toEqual([of.bytes ?? 64])
  expect([...new Set(frames.map(isTagged))]).toEqual([of.tagged?.from === true])
  // The n-th of one side with the n-th of the other, and nobody has two.
  expect(new Set(frames.map((frame) => macs(frame, 6))).size).toBe(pairs)
  expect(new Set(frames.map((frame) => macs(frame, 0) + macs(frame, 6))).size).toBe(pairs)
  for (const pair of [0, pairs - 1]) {
    const announcement: Uint8Array = announcementOf(of, pair)
    expect(isTagged(announcement)).toBe(of.tagged?.to === true)
    if (!of.flood) expect(macs(frames[pair] as Uint8Array, 0)).toBe(macs(announcement, 6))
  }
})

test('ringSize has room for all frames when each takes several descriptors', () => {
  expect(ringSize({ name: '' }, 1)).toBe(256)
  expect(ringSize({ name: '' }, 4096)).toBe(4096)
  expect(ringSize({ name: '', layout: { separateHeader: true } }, 4096)).toBe(8192)
  expect(ringSize({ name: '', layout: { separateHeader: true, indirect: true } }, 4096)).toBe(4096)
})

test('every aim of the table is of a case that exists', () => {
  const names = all.map(({ name }) => name)
  const used = Object.entries<string>(FEATURES_OF).flat()
  for (const name of [...Object.keys(PEER_AIMS), ...used]) expect(names).toContain(name)
})
