import { describe, expect, it } from 'vitest'
import { checkCharacters, refuseRepeats } from './command-line.js'
import { makeProgram } from './program.js'

describe('checkCharacters', () => {
  it('checkCharacters refuses a word when its bytes were no UTF-8', () => {
    checkCharacters(['up', '--vif', 'ä=/tmp/ä.sock', ''])
    const read = Buffer.from([0x2f, 0xe9]).toString()
    expect(() => checkCharacters(['up', read])).toThrow(/is not UTF-8 text/)
  })
})

describe('refuseRepeats', () => {
  const parse = async (...words: string[]): Promise<void> => {
    const program = await makeProgram(words)
    refuseRepeats(program)
    await program.parseAsync(words, { from: 'user' })
  }

  it.each([
    [['up', '--config', 'a.yaml', '-c', 'b.yaml', '--dry-run'], '--config'],
    [['status', '--control', '/tmp/a', '--control=/tmp/b'], '--control'],
    [['tune', 'set', 'g1', '--target', '1us', '--target', '2us'], '--target'],
  ])('refuseRepeats refuses %j', async (words, option) => {
    await expect(parse(...words)).rejects.toThrow(`${option}: is given twice; give it once`)
  })

  it('refuseRepeats lets be what its help says may be repeated', async () => {
    const vifs = ['--vif', 'a=/nonexistent/a', '--vif', 'b=/nonexistent/b']
    await expect(parse('attach', '--print', 'netns', 'c', ...vifs)).rejects.toThrow(/has no such port/)
  })
})
