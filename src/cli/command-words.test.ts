import { describe, expect, it } from 'vitest'
import { cli } from '../../test/host/cli-process.js'
import { checkCommandWords, withHelpLast } from './command-words.js'
import { makeProgram } from './program.js'

describe('checkCommandWords', () => {
  it.each([
    [
      'tune sho',
      'tune: unknown command "sho" (did you mean "show"?); there are show, set, policy, awake, explain',
    ],
    ['tune --control /tmp/c sho', 'tune: unknown command "sho" (did you mean "show"?)'],
    ['help tune sho', 'tune: unknown command "sho"'],
    ['upp --vif g1=/tmp/g1', 'unknown command "upp" (did you mean "up"?)'],
    ['lab lsit', 'lab: unknown command "lsit" (did you mean "list"?)'],
    ['guest --json fecth', 'guest: unknown command "fecth" (did you mean "fetch"?)'],
    ['fly', 'unknown command "fly"; there are up, '],
  ])('checkCommandWords names the level and the nearest command when the line is %j', async (line, message) => {
    const words = line.split(' ')
    const program = await makeProgram(words)
    expect(() => checkCommandWords(program, words)).toThrow(message)
  })

  it.each([
    '',
    '--help',
    'tune --control show --dry-run',
    'tune --control=x show',
    'lab help run',
    'help lab',
    'guest run uml --name g1 -- fly',
    'lab run sed',
    'tune -- sho',
  ])('checkCommandWords finds nothing when the line is %j', async (line) => {
    const words = line.split(' ').filter(Boolean)
    checkCommandWords(await makeProgram(words), words)
  })
})

describe('withHelpLast', () => {
  it.each([
    ['help tune show', 'tune show --help'],
    ['help lab', 'help lab'],
    ['help', 'help'],
    ['tune show', 'tune show'],
  ])('withHelpLast gives the help of the innermost command when the line is %j', (line, expected) => {
    expect(withHelpLast(line.split(' ')).join(' ')).toBe(expected)
  })
})

describe('ringferry', () => {
  it.each([
    [[]],
    [['lab']],
    [['guest']],
    [['tune']],
  ])('ringferry %j shows its commands on standard error and ends with 2', async (args) => {
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^Usage: ringferry ${args.join('')}`))
    expect(stderr).toContain('Commands:')
  })
})
