import { describe, expect, it } from 'vitest'
import { collectOnly } from './lab-plan.js'
import { Progress, shortTime } from './lab-progress.js'

function output(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 20, written, write: (text: string) => written.push(text) }
}

describe('Progress', () => {
  it('Progress prints plain lines without a terminal', () => {
    const out = output(false)
    const progress = new Progress(out, () => 0)
    progress.status('busy')
    progress.line('done')
    progress.end()
    expect(out.written).toEqual(['    0.0 s  done\n'])
  })

  it('Progress keeps one changing line below the others on a terminal', () => {
    const out = output(true)
    const progress = new Progress(out, () => 0)
    progress.status('a text that is longer than the terminal')
    progress.line('done')
    progress.end()
    const changing = '\r\u001b[Ka text that is long'
    expect(out.written).toEqual([changing, '\r\u001b[K    0.0 s  done\n', changing, '\r\u001b[K'])
  })

  it('shortTime has the unit that people would take', () => {
    expect([0.2, 40, 200, 4800].map(shortTime)).toEqual(['1 s', '40 s', '3 min', '80 min'])
    expect(shortTime(6000)).toBe('1 h 40 min')
  })
})

describe('collectOnly', () => {
  it('collectOnly joins values of one factor and refuses what is no pair', () => {
    expect(collectOnly('a=2', collectOnly('b=x', collectOnly('a=1')))).toEqual({ a: ['1', '2'], b: ['x'] })
    expect(() => collectOnly('a')).toThrow('give factor=value')
  })
})
