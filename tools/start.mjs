#!/usr/bin/env node
// `npm start [-- args]`: installs and builds what is missing, then runs the
// founding document's study in short: `ringferry lab run seed --quick ...args`.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build, checkNode, install, root } from './setup.mjs'

/** npm repeats a terminal's Ctrl-C to its child; signals closer together than this are one. */
const SAME_SIGNAL_MS = 300

checkNode()
await install()
await build()

// In a session of its own the child hears a signal only from here, once, whether the terminal, npm or `kill` sent it.
const args = [join(root, 'dist/cli/main.js'), 'lab', 'run', 'seed', '--quick', ...process.argv.slice(2)]
const child = spawn(process.execPath, args, { stdio: 'inherit', detached: true })

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
const lastMs = new Map()
for (const signal of signals) {
  process.on(signal, () => {
    const now = performance.now()
    if (now - (lastMs.get(signal) ?? Number.NEGATIVE_INFINITY) >= SAME_SIGNAL_MS) child.kill(signal)
    lastMs.set(signal, now)
  })
}

child.on('error', (error) => {
  console.error(`cannot run ${args[0]}: ${error.message}`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  for (const name of signals) process.removeAllListeners(name)
  if (signal) process.kill(process.pid, signal)
  else process.exitCode = code ?? 1
})
