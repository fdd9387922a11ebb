import { describe, expect, it } from 'vitest'
import { parseWorkload, WORKLOAD_KINDS } from './workload.js'

describe('parseWorkload', () => {
  it.each(WORKLOAD_KINDS)('parseWorkload takes "%s" alone and says what it took', (kind) => {
    const { text, demand, traffic } = parseWorkload(kind)
    expect(parseWorkload(text)).toMatchObject({ text, demand })
    expect([traffic('v', 'n').from, traffic('v', 'n').to].sort()).toEqual(['n', 'v'])
  })

  it('parseWorkload makes as many clients, with as long pauses, as the rate needs', () => {
    const traffic = parseWorkload('web:20KB@500/s').traffic('v', 'n')
    expect(traffic).toMatchObject({ kind: 'requests', answerBytes: 20_000, connections: 10, thinkUs: 20_000 })
    expect(parseWorkload('rpc@10').traffic('v', 'n')).toMatchObject({ connections: 1, thinkUs: 100_000 })
  })

  it('parseWorkload takes rates of bits where streams are asked for', () => {
    expect(parseWorkload('streaming@8Mb/s')).toMatchObject({ demand: 8, unit: 'Mb/s' })
    expect(parseWorkload('udp:1500B@20k/s')).toMatchObject({ demand: 20_000, unit: 'frames/s' })
  })

  it.each([
    [
      'wbe:10KB',
      '--workload: there is no workload "wbe" (did you mean "web"?); write one of web:10KB@1000/s, ',
    ],
    ['', 'there is no workload ""'],
    ['constructor', 'there is no workload "constructor"'],
    ['send:10KB', '"send" has no size; write send@100Mb/s'],
    ['web:10us', '"10us" is no size above 0; write it as 64B, 10KB, 1MB'],
    ['streaming@500/s', '"500/s" is no rate of bits above 0'],
    ['web@0/s', '"0/s" is no number a second above 0'],
    ['web@', '"" is no number a second'],
  ])('parseWorkload refuses %j', (text, message) => {
    expect(() => parseWorkload(text)).toThrow(message)
  })
})
