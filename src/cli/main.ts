#!/usr/bin/env node
import { checkCommandWords } from './command-words.js'
import { reportFailure } from './failure.js'
import { followOutside } from './own-namespace.js'
import { makeProgram } from './program.js'
import { watchOutput } from './standard-output.js'

watchOutput()
followOutside()
try {
  const program = makeProgram()
  checkCommandWords(program, process.argv.slice(2))
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
