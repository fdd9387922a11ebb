#!/usr/bin/env node
// `npm run test:xen`: installs, builds, then runs the tests on a real Xen, emulated by QEMU.
// Logs of the last run: test-results/xen. Ends by itself after 15 minutes.
import { holdSignals, run, wasInterrupted } from './run.mjs'
import { build, checkNode, install, root } from './setup.mjs'

const LIMIT_S = 900

checkNode()
if (process.arch !== 'x64') {
  console.error(`Xen's packages are for x86-64, this machine is ${process.arch}`)
  process.exit(1)
}
holdSignals()
await install()
await build()
// The limit ends vitest, and by its death what that started.
const vitest = ['node_modules/.bin/vitest', 'run', '-c', 'vitest.xen.config.ts', ...process.argv.slice(2)]
const { code } = await run('timeout', ['--foreground', `${LIMIT_S}`, ...vitest], { cwd: root, show: true })
if (code === 124) console.error(`not finished within ${LIMIT_S} s; logs are in test-results/xen`)
process.exitCode = wasInterrupted() ? 130 : code
