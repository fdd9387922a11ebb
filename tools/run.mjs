// Runs child processes for the other tools. Node's own modules only: this runs before anything is installed.
import { spawn } from 'node:child_process'

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
let interrupted = false

/** Whether this run was asked to stop; what has not begun by then must not begin. */
export const wasInterrupted = () => interrupted

/**
 * Takes over the signals that end a run, so that children end first. A terminal's Ctrl-C reaches the children by
 * itself (they are in its foreground group); the other signals are passed on.
 */
export function holdSignals() {
  process.on('SIGINT', () => {
    interrupted = true
  })
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      interrupted = true
      for (const child of running) child.kill(signal)
    })
  }
}

/** Of what a command prints and we show, so much of the end is kept. */
const MAX_KEPT_CHUNKS = 64

/**
 * Runs a command to its end. Never throws: a command that cannot be started has code 127 and says so in `output`.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show`: its output goes
 *   straight to ours, and `output` has its end only, or nothing on a terminal; otherwise both its streams are collected
 * @returns {Promise<{ code: number, output: string }>} code 128 when a signal ended it
 */
export function run(command, args, { cwd, env = process.env, show = false } = {}) {
  return new Promise((done) => {
    /** @type {import('node:child_process').StdioOptions} */
    const stdio = show && process.stdout.isTTY ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe']
    const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio })
    /** @type {Buffer[]} */
    const chunks = []
    running.add(child)
    /** @param {NodeJS.WriteStream} ours */
    const take = (ours) => (/** @type {Buffer} */ chunk) => {
      chunks.push(chunk)
      if (!show) return
      ours.write(chunk)
      if (chunks.length > MAX_KEPT_CHUNKS) chunks.shift()
    }
    child.stdout?.on('data', take(process.stdout))
    child.stderr?.on('data', take(process.stderr))
    /**
     * @param {number} code
     * @param {string} more
     */
    const end = (code, more) => {
      running.delete(child)
      done({ code, output: Buffer.concat(chunks).toString() + more })
    }
    child.on('error', (error) => end(127, `${command}: ${error.message}\n`))
    child.on('close', (code) => end(code ?? 128, ''))
  })
}
