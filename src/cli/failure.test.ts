import { describe, expect, it } from 'vitest'
import { commandOf } from './command-words.js'
import { usageLine } from './failure.js'
import { makeProgram } from './program.js'

/** What commander says of a command line. */
async function saidOf(line: string): Promise<string> {
  const words = line.split(' ')
  const program = await makeProgram(words)
  return await program.parseAsync(words, { from: 'user' }).then(
    () => 'nothing',
    (error: Error) => usageLine(error.message),
  )
}

describe('usageLine', () => {
  it.each([
    ['tune set g1 --target 0', '--target 0: give a duration above 0, like 200us or 1.5ms'],
    ['attach g1', '--print <kind> is missing'],
    ['attach --print xen g1', /^--print xen: allowed: uml, qemu, .*container$/],
    ['completion tcsh', /^shell tcsh: allowed: bash, zsh, fish/],
    ['port show', 'name is missing'],
    ['up --vif', '--vif <port>: its value is missing'],
    ['status --jsonn', "unknown option '--jsonn' (did you mean --json?)"],
    ['status now and then', '3 words where 0 are taken'],
  ])('usageLine says what is wrong when the line is %j', async (line, text) => {
    expect(await saidOf(line)).toMatch(
      typeof text === 'string' ? new RegExp(`^${text.replace(/[?().<>*+]/g, '\\$&')}$`) : text,
    )
  })
})

describe('commandOf', () => {
  it.each([
    ['port set g1 mtuu=1', 'ringferry port set'],
    ['tune --control /tmp/c set', 'ringferry tune set'],
    ['--bogus', 'ringferry'],
    ['fly', 'ringferry'],
  ])('commandOf finds whose help is of use when the line is %j', async (line, command) => {
    const words = line.split(' ')
    expect(commandOf(await makeProgram(words), words)).toBe(command)
  })
})
