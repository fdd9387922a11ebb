/** The live view on a real terminal: script(1) gives it one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { cli, MAIN } from '../host/cli-process.js'

const ESCAPE = '\x1b'
const ESC = `${ESCAPE}[`
const [ENTER, LEAVE] = [`${ESC}?1049h`, `${ESC}?1049l`]
const HOME = `${ESC}H`
const COLOUR = new RegExp(`${ESCAPE}\\[\\d+m`, 'g')
const PORTS = 40

const folder = mkdtempSync(join(tmpdir(), 'ringferry-terminal-'))
const control = join(folder, 'control')
const vifs = Array.from({ length: PORTS }, (_, n) => ['--vif', `g${n}=${join(folder, `g${n}`)}`]).flat()

const running = new Set<Terminal>()

afterEach(async () => {
  for (const terminal of running) {
    terminal.press('\x03')
    await terminal.ended
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A command on a terminal of its own. */
class Terminal {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  output = ''

  constructor(args: readonly string[], columns: number, rows: number, env: Record<string, string> = {}) {
    const command = [process.execPath, MAIN, ...args].map((each) => `'${each}'`).join(' ')
    const line = `stty cols ${columns} rows ${rows}; exec ${command}`
    // What says something of colours: Node takes a CI for a terminal without them.
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...others } = process.env
    this.child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      env: { ...others, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (data) => {
      this.output += data
    })
    running.add(this)
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()))
    void this.ended.then(() => running.delete(this))
  }

  press(keys: string): void {
    this.child.stdin?.write(keys)
  }

  /** Waits until the screen, as it was last drawn whole, is as wanted. */
  async shows(wanted: (screen: string) => boolean): Promise<string> {
    for (;;) {
      const frames = this.output.split(HOME)
      const screen = frames.slice(1, -1).findLast(wanted)
      if (screen !== undefined) return screen
      const more = new Promise((resolve) => this.child.stdout?.once('data', resolve))
      const isOver = await Promise.race([more.then(() => false), this.ended.then(() => true)])
      if (isOver) throw new Error(`it ended and showed:\n${this.output}`)
    }
  }
}

const linesOf = (screen: string): string[] =>
  screen.replaceAll(`${ESC}2K`, '').replaceAll(COLOUR, '').split(/\r+\n/)

describe('up on a terminal', () => {
  it('shows 40 ports in pages, in its size and in colours, and leaves the terminal as it was', async () => {
    const up = new Terminal(['up', '--control', control, ...vifs], 60, 20)
    const first = await up.shows((screen) => screen.includes('of 40 by rate'))
    expect(up.output.startsWith(ENTER)).toBe(true)
    const lines = linesOf(first)
    expect(lines).toHaveLength(20)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
    expect(first).toContain(`${ESC}1m`)
    up.press('n')
    up.press(`${ESC}6~`)
    await up.shows((screen) => /^15-28 of 40 by name/m.test(linesOf(screen).join('\n')))
    const top = new Terminal(['top', '--control', control], 80, 24)
    expect(linesOf(await top.shows((screen) => screen.includes('of 40 by rate')))).toHaveLength(24)
    top.press('p')
    await top.shows((screen) => screen.includes('of 40 by p99'))
    top.press('q')
    await top.ended
    expect(top.output.split(`${ESC}?25h${LEAVE}`)[1]).toBe('')
    const once = await cli(['top', '--control', control])
    expect(once).toMatchObject({ code: 0, stderr: '' })
    expect(once.stdout).toContain('1-40 of 40 by rate')
    expect(once.stdout).not.toContain(ESCAPE)
    const json = await cli(['top', '--once', '--json', '--control', control])
    expect(JSON.parse(json.stdout).ports).toHaveLength(PORTS)
    up.press('q')
    await up.shows((screen) => screen.includes('Ctrl-C stops the switch'))
    up.press('\x03')
    await up.ended
    const [, after = ESCAPE] = up.output.split(`${ESC}?25h${LEAVE}`)
    expect(after).not.toContain(ESCAPE)
  })

  it('has no colours where NO_COLOR is set, and no screen where TERM is dumb', async () => {
    const plain = new Terminal(['up', '--control', control, ...vifs], 80, 24, { NO_COLOR: '1' })
    await plain.shows((screen) => screen.includes('of 40 by rate'))
    plain.press('\x03')
    await plain.ended
    expect(plain.output).not.toMatch(COLOUR)
    expect(plain.output).toContain(LEAVE)
    const dumb = new Terminal(['up', '--control', control, ...vifs.slice(0, 2)], 80, 24, { TERM: 'dumb' })
    while (!dumb.output.includes('the switch runs'))
      await new Promise((resolve) => dumb.child.stdout?.once('data', resolve))
    dumb.press('\x03')
    await dumb.ended
    expect(dumb.output).not.toContain(ESCAPE)
  })
})
