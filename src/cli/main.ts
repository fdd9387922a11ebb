#!/usr/bin/env node
import { CONTROL_VARIABLE } from '../daemon/control-path.js'
import { checkCharacters, refuseRepeats } from './command-line.js'
import { checkCommandWords, commandOf, withHelpLast } from './command-words.js'
import { reportFailure } from './failure.js'
import { followOutside } from './own-namespace.js'
import { makeProgram } from './program.js'
import { watchOutput } from './standard-output.js'

watchOutput()
followOutside()
const words = process.argv.slice(2)
const program = await makeProgram(words)
try {
  checkCharacters([...words, process.env[CONTROL_VARIABLE] ?? ''])
  checkCommandWords(program, words)
  refuseRepeats(program)
  await program.parseAsync(withHelpLast(words), { from: 'user' })
} catch (error) {
  process.exitCode = reportFailure(error, commandOf(program, words))
}
