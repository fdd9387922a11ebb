#!/usr/bin/env node
// `npm run ok`: types, lint and format, layers, unit tests. One line per step, the output of those that fail.
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { holdSignals, run, wasInterrupted } from './run.mjs'
import { checkNode, install, root } from './setup.mjs'
import { failureOfOutput } from './test-failures.mjs'

/** @typedef {{ name: string, command: string[], needs: string[] }} Step */

const node = process.execPath
const MAX_AT_ONCE = 2

/**
 * In the order in which they start; `needs` names the steps that must have passed before.
 * @type {Step[]}
 */
export const steps = [
  { name: 'plane', command: [node, 'tools/build.mjs', 'plane'], needs: [] },
  { name: 'lint', command: ['node_modules/.bin/biome', 'check', '.'], needs: [] },
  { name: 'layers', command: [node, 'tools/layers.mjs'], needs: [] },
  // Threads run compiled code, in the tests as well: Node does not run TypeScript.
  { name: 'dist', command: [node, 'tools/build.mjs', 'dist'], needs: ['plane'] },
  { name: 'types', command: ['node_modules/.bin/tsc', '-p', 'tsconfig.check.json'], needs: ['plane'] },
  // Benches import what was built.
  { name: 'bench', command: ['node_modules/.bin/tsc', '-p', 'tsconfig.bench.json'], needs: ['dist'] },
  { name: 'unit', command: ['node_modules/.bin/vitest', 'run', '--project=!slow'], needs: ['dist'] },
]

/** @param {number} sinceMs */
const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`

/**
 * Runs steps, at most two at once, and prints a line for each.
 * @param {Step[]} wanted steps of which none is listed before what it needs; needs outside the list count as met
 * @returns {Promise<import('./test-failures.mjs').Failure[]>} of those that failed or could not run; `where` is the name
 */
export async function runSteps(wanted) {
  const waiting = [...wanted]
  const running = new Map()
  /** @type {import('./test-failures.mjs').Failure[]} */
  const failed = []
  /** @param {Step} step */
  const perform = async (step) => {
    const sinceMs = performance.now()
    const broken = step.needs.find((name) => failed.some(({ where }) => where === name))
    const [command = '', ...args] = step.command
    const { code, output } = broken
      ? { code: 1, output: `not run: ${broken} failed` }
      : await run(command, args, { cwd: root })
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'}  ${step.name.padEnd(6)}  ${seconds(sinceMs)}`)
    if (code !== 0) {
      failed.push(failureOfOutput(step.name, output))
      console.log(output.trimEnd())
    }
  }
  /** @param {string} name */
  const isPending = (name) => running.has(name) || waiting.some((step) => step.name === name)
  while (waiting.length + running.size > 0) {
    const at = waiting.findIndex((step) => !step.needs.some(isPending))
    const step = waiting[at]
    if (step && running.size < MAX_AT_ONCE && !wasInterrupted()) {
      waiting.splice(at, 1)
      const end = perform(step).then(() => running.delete(step.name))
      running.set(step.name, end)
    } else if (running.size > 0) await Promise.race(running.values())
    else break
  }
  return failed
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  checkNode()
  holdSignals()
  await install()
  const sinceMs = performance.now()
  const failed = await runSteps(steps)
  if (wasInterrupted()) process.exitCode = 130
  else {
    const verdict =
      failed.length === 0 ? 'all steps passed' : `failed: ${failed.map(({ where }) => where).join(', ')}`
    console.log(`${verdict} (${seconds(sinceMs)})`)
    if (failed.length > 0) process.exitCode = 1
  }
}
