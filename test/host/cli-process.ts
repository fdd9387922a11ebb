import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface CliResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let sockets = 0

/** A control socket of its own for each process, so that switches of tests that run beside each other do not meet. */
export function ownControl(): string {
  return `${tmpdir()}/ringferry-control-${process.pid}-${++sockets}.sock`
}

/** The built program as a process. */
export class Cli {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
  stdout = ''
  stderr = ''

  /** Where it listens for commands, unless it is told otherwise. */
  readonly control = ownControl()

  /** @param prefix a program that starts it, with arguments: setpriv, unshare */
  constructor(args: readonly string[], prefix: readonly string[] = []) {
    const [program = process.execPath, ...rest] = [...prefix, process.execPath, MAIN, ...args]
    this.child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, RINGFERRY_CONTROL: this.control },
    })
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += chunk
    })
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        // One that was killed leaves it.
        rmSync(this.control, { force: true })
        resolve({ code: code ?? -1, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Waits for text on standard output. Rejects when the program ends before. */
  async printed(text: string): Promise<void> {
    const ended = this.ended.then(({ stderr }) => {
      if (!this.stdout.includes(text)) throw new Error(`it ended without printing "${text}": ${stderr}`)
    })
    const seen = new Promise<void>((resolve) => {
      const look = () => {
        if (this.stdout.includes(text)) resolve()
      }
      this.child.stdout?.on('data', look)
      look()
    })
    await Promise.race([seen, ended])
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Runs the program to its end. */
export function cli(args: readonly string[], prefix: readonly string[] = []): Promise<CliResult> {
  return new Cli(args, prefix).ended
}
