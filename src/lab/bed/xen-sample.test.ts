import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COUNT_GRANTS, countCommand, GRANT_FILES, parseCount, parseGrants } from './xen-sample.js'

// As Linux 6.1 prints it.
const HIST = `# event histogram
#
# trigger info: hist:keys=entries:vals=hitcount:sort=hitcount:size=2048 [active]
#

{ entries:          2 } hitcount:         10
{ entries:         16 } hitcount:          3

Totals:
    Hits: 13
    Entries: 2
    Dropped: 0
# event histogram
{ entries:          1 } hitcount:          5
`
const HISTOGRAM = '{ entries:         16 } hitcount:          2\n{ entries:          4 } hitcount:          1'
const COUNT = `61.52
cpu  100 20 300 4000 50 6 7 80 0 0
  eth0: 1000 12 0 1 0 0 0 0 2000 24 0 0 0 0 0 0
{ entries:         16 } hitcount:          2
42
`

describe('parseGrants', () => {
  it('parseGrants adds up operations and lists of all functions', () => {
    expect(parseGrants(HIST)).toEqual({ operations: 2 * 10 + 16 * 3 + 5, lists: 18 })
    expect(parseGrants('')).toEqual({ operations: 0, lists: 0 })
  })
})

describe('parseCount', () => {
  it("parseCount reads a domain's clock, processor, NIC and events", () => {
    expect(parseCount('a', 'eth0', COUNT)).toEqual({
      ...{ atS: 61.52, busyS: 4.33, events: 42, grants: { operations: 32, lists: 2 } },
      port: {
        ...{ toVmFrames: 12, toVmBytes: 1000, fromVmFrames: 24, fromVmBytes: 2000 },
        drops: { rx_dropped: 1, tx_dropped: 0 },
      },
    })
  })

  it('parseCount throws GUEST with what came when a line is missing', () => {
    const without = (line: number): string => COUNT.split('\n').toSpliced(line, 1).join('\n')
    for (const line of [0, 1, 2, 4])
      expect(() => parseCount('a', 'eth0', without(line))).toThrow(/^VM a: it does not say what it counted: /)
  })
})

describe('commands', () => {
  it('the commands of a count are valid for a shell', () => {
    for (const command of [countCommand('eth0', 'vif0-', GRANT_FILES), COUNT_GRANTS])
      execFileSync('sh', ['-n', '-c', command])
  })

  it('countCommand prints what parseCount reads', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-hist-'))
    const file = join(folder, 'hist')
    writeFileSync(file, `# event histogram\n\n${HISTOGRAM}\nTotals:\n    Hits: 3\n`)
    const text = execFileSync('sh', ['-c', countCommand('lo', 'none', [file])], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    const { atS, grants } = parseCount('a', 'lo', text)
    expect(atS).toBeGreaterThan(0)
    expect(grants).toEqual({ operations: 36, lists: 3 })
  })
})
