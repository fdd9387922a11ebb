#!/usr/bin/env node
import { RingferryError } from '../errors/errors.js'
import { reportFailure } from './failure.js'
import { makeProgram } from './program.js'

try {
  const program = makeProgram()
  if (process.argv.length <= 2) throw new RingferryError('USAGE', 'no command given; see ringferry --help')
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
