import { describe, expect, it } from 'vitest'
import { parseWrk, wrkCommand, wrkMetrics } from './web-wrk.js'

/** As wrk 4.1.0 printed it. */
const OUTPUT = `Running 9s test @ http://127.0.0.1:23456/f.bin
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   373.11us  510.50us   8.93ms   96.96%
    Req/Sec    47.88k    13.86k   68.72k    60.00%
  71355 requests in 1.50s, 713.29MB read
Requests/sec:  47545.40
Transfer/sec:    475.28MB
ringferry-wrk {"durationUs":1500776,"requests":71355,"bytes":747943110,"failed":2,"refused":5,"meanUs":373.114,"maxUs":8928,"percentiles":[[50,292],[90,569],[99,2610],[99.9,7186]]}
`

const load = {
  url: 'http://10.0.0.1:20000/x',
  connections: 16,
  threads: 1,
  keepAlive: true,
  script: '/tmp/s',
}

describe('parseWrk', () => {
  it('agrees with the text that wrk prints for people', () => {
    const report = parseWrk(OUTPUT)
    const metrics = wrkMetrics({ ...report, refused: 0 })
    expect(metrics.requestsPerS).toBeCloseTo(47545.4, 1)
    // Transfer/sec is in MB of 2^20 bytes.
    expect(((metrics.mbps ?? 0) * 1e6) / 8 / 2 ** 20).toBeCloseTo(475.28, 1)
    expect(metrics).toMatchObject({ meanUs: 373.114, p50Us: 292, p99Us: 2610, p999Us: 7186, maxUs: 8928 })
  })

  it('takes a percentile among requests without an answer as late for ever', () => {
    const report = parseWrk(OUTPUT.replace('[99.9,7186]', '[99.9,-1]'))
    expect(wrkMetrics(report)).toMatchObject({ p99Us: 2610, p999Us: 1_500_776 + 1e6 })
  })

  it('wrkMetrics counts answers that are errors as errors, not as requests', () => {
    const metrics = wrkMetrics(parseWrk(OUTPUT))
    expect(metrics.errors).toBe(7)
    expect(metrics.requestsPerS).toBeCloseTo(71350 / 1.500776)
  })

  it('throws GUEST with the last line when wrk printed no result', () => {
    expect(() => parseWrk('x\nunable to connect to 10.0.0.1:20000\n')).toThrow(
      /no result; last: unable to connect to 10\.0\.0\.1:20000/,
    )
    expect(() => parseWrk('')).toThrow(/last: nothing/)
  })

  it('throws GUEST when the result is cut off or has no duration', () => {
    expect(() => parseWrk('ringferry-wrk {"durationUs":1')).toThrow(/cannot be read/)
    expect(() => parseWrk(OUTPUT.replace('1500776', '0'))).toThrow(/cannot be read/)
  })
})

describe('wrkCommand', () => {
  it('runs a silent warm-up, then the measured part, and lets neither end by itself', () => {
    const command = wrkCommand(load, 0.5, 4.5)
    const parts = command.split(' && ')
    expect(parts).toHaveLength(2)
    expect(parts[0]).toContain('>/dev/null & wrk=$!; sleep 0.5; while kill -INT')
    expect(parts[1]).toContain('& wrk=$!; sleep 4.5; while kill -INT')
    expect(parts[1]).not.toContain('>/dev/null &')
    expect(command).toContain('-d 65s')
    expect(command).not.toContain('Connection: close')
  })

  it('has no warm-up of 0 s, and asks to close without keep-alive', () => {
    const command = wrkCommand({ ...load, keepAlive: false }, 0, 1)
    expect(command).not.toContain(' && ')
    expect(command).toContain("-H 'Connection: close'")
  })
})
