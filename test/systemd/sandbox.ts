/** A systemd of its own, and commands that run under it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const BOOT = fileURLToPath(new URL('boot.sh', import.meta.url))
const RETRY_MS = 100

export interface Ran {
  readonly code: number
  readonly output: string
}

export class Sandbox {
  readonly #child: ChildProcess
  readonly #pid: string
  readonly #said: { text: string }

  private constructor(child: ChildProcess, pid: string, said: { text: string }) {
    this.#child = child
    this.#pid = pid
    this.#said = said
  }

  /** Boots. Resolves when systemd takes orders. */
  static async boot(): Promise<Sandbox> {
    const child = spawn(BOOT, { stdio: ['pipe', 'pipe', 'pipe'] })
    const said = { text: '' }
    child.stderr.on('data', (chunk) => {
      said.text += chunk
    })
    let printed = ''
    for await (const chunk of child.stdout) {
      printed += chunk
      if (printed.includes('\n')) break
    }
    const pid = /^pid (\d+)\n/.exec(printed)?.[1]
    if (pid === undefined) throw new Error(`the sandbox does not start: ${said.text}`)
    const sandbox = new Sandbox(child, pid, said)
    await sandbox.until('systemctl show --property=Version && systemctl start dbus.service')
    return sandbox
  }

  /** Runs a shell's lines. */
  run(script: string, input?: Buffer): Ran {
    try {
      const output = execFileSync('nsenter', ['-t', this.#pid, '-a', 'bash', '-c', `exec 2>&1\n${script}`], {
        encoding: 'utf8',
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
        ...(input === undefined ? {} : { input }),
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
      })
      return { code: 0, output }
    } catch (error) {
      const { status, stdout } = error as { readonly status: number; readonly stdout: string }
      return { code: status, output: stdout }
    }
  }

  /** Runs lines that must succeed. Returns what they print. */
  must(script: string, input?: Buffer): string {
    const { code, output } = this.run(`set -e\n${script}`, input)
    if (code !== 0) throw new Error(`"${script}" ended with ${code}: ${output}\n${this.#said.text}`)
    return output.trim()
  }

  /** Repeats lines until they succeed. Returns what they print. */
  async until(script: string): Promise<string> {
    for (;;) {
      const { code, output } = this.run(script)
      if (code === 0) return output.trim()
      if (this.#child.exitCode !== null) throw new Error(`the sandbox has ended: ${this.#said.text}`)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** Ends it; nothing of it is left. */
  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }
}
