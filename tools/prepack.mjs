#!/usr/bin/env node
// `npm pack` and `npm publish`: installs and builds what is missing, so that the package holds a program.
// npm's own output (a file name, or JSON) is on standard output: what is said here goes to standard error.
import { fileURLToPath } from 'node:url'
import { build, checkNode, install } from './setup.mjs'

console.log = console.error
checkNode()
await install()
await build()
const { writeManual } = await import('./man.mjs')
await writeManual(fileURLToPath(new URL('../man', import.meta.url)))
