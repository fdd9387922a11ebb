import { describe, expect, it } from 'vitest'
import { makeProgram } from './program.js'

const namesOf = async (line: string): Promise<string[]> =>
  (await makeProgram(line.split(' ').filter(Boolean))).commands.map((command) => command.name())

describe('makeProgram', () => {
  it.each([
    ['--version', []],
    ['-V', []],
    ['status --json', ['status']],
    ['--bogus status', ['status']],
    ['resume', ['drain', 'resume']],
    ['help tune show', ['tune']],
  ])('makeProgram has no more than the command when the line is %j', async (line, names) => {
    expect(await namesOf(line)).toEqual(names)
  })

  it.each([
    '',
    '--help',
    'help',
    'fly status',
    'help fly',
    '--version --help',
  ])('makeProgram has every command when the line is %j', async (line) => {
    const names = await namesOf(line)
    expect(names).toEqual((await makeProgram()).commands.map((command) => command.name()))
    expect(names).toContain('up')
    // The names by which modules are found are those that they add.
    for (const name of names) expect(await namesOf(name)).toContain(name)
  })
})
