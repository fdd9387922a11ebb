import { describe, expect, it } from 'vitest'
import { parseIperf, parsePing } from './tools.js'

describe('parsePing', () => {
  it('parsePing reads the mean in microseconds from iputils and from busybox', () => {
    expect(parsePing('rtt min/avg/max/mdev = 0.120/0.236/0.410/0.050 ms')).toBeCloseTo(236)
    expect(parsePing('round-trip min/avg/max = 0.101/1.5/4.0 ms')).toBeCloseTo(1500)
  })

  it('parsePing is undefined when nothing came back', () => {
    expect(parsePing('3 packets transmitted, 0 packets received, 100% packet loss')).toBeUndefined()
  })
})

describe('parseIperf', () => {
  it('parseIperf reads what the receiver got', () => {
    const end = { sum_sent: { bits_per_second: 9e9 }, sum_received: { bits_per_second: 2.5e9 } }
    expect(parseIperf(JSON.stringify({ end }))).toEqual({ mbps: 2500 })
  })

  it('parseIperf gives the error when there is one', () => {
    expect(parseIperf('{"start":{},"end":{},"error":"unable to connect"}')).toEqual({
      error: 'unable to connect',
    })
    expect(parseIperf('sh: iperf3: not found\n')).toEqual({ error: 'sh: iperf3: not found' })
    expect(parseIperf('')).toEqual({ error: 'no output' })
  })
})
