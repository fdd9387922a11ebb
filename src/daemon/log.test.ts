import { fstatSync } from 'node:fs'
import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { leadsToJournal, withPriorities } from './log.js'

describe('withPriorities', () => {
  it('puts the priority of syslog before each line', () => {
    const lines: string[] = []
    const log = pino(
      { level: 'debug', base: null, timestamp: false },
      withPriorities((line) => lines.push(line)),
    )
    log.debug('a')
    log.info('b')
    log.warn('c')
    log.error('d')
    log.fatal('e')
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<6>', '<4>', '<3>', '<2>'])
    expect(JSON.parse((lines[1] as string).slice(3))).toMatchObject({ msg: 'b' })
  })
})

describe('leadsToJournal', () => {
  it('says so of the file alone that the manager named', () => {
    const { dev, ino } = fstatSync(0, { bigint: true })
    expect(leadsToJournal(0, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(true)
    expect(leadsToJournal(0, { JOURNAL_STREAM: `${dev}:${ino + 1n}` })).toBe(false)
    expect(leadsToJournal(0, {})).toBe(false)
  })
})
