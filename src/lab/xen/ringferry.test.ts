import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { parseThreadTimes, threadTimesCommand } from './ringferry.js'

describe('threadTimesCommand', () => {
  it('threadTimesCommand prints what parseThreadTimes reads, of a process that runs', () => {
    const command = threadTimesCommand(`${process.pid}`)
    const { atS, usedNs } = parseThreadTimes(execFileSync('sh', ['-c', command], { encoding: 'utf8' }))
    expect(atS).toBeGreaterThan(0)
    expect(usedNs.get(process.pid)).toBeGreaterThan(0)
    expect(usedNs.size).toBeGreaterThan(1)
  })
})
