/** A terminal's whole screen, drawn anew again and again, and the keys that are pressed; left as it was found. */
import { readFileSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import type { ScreenSize } from './top-screen.js'

const ESCAPE = '\x1b'
const ESC = `${ESCAPE}[`
/** The alternate screen, without cursor and without lines that run on. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`
const HOME = `${ESC}H`
/** Before a line, not behind it: there it would take the last character of a full one. */
const CLEAR_LINE = `${ESC}2K`

const DEFAULT_SIZE: ScreenSize = { columns: 80, rows: 24 }
const CTRL_C = '\x03'
const CTRL_Z = '\x1a'
const CTRL_BACKSLASH = '\x1c'
/** What a terminal sends for one key. */
const KEY = new RegExp(`${ESCAPE}\\[[0-9;]*[A-Za-z~]|${ESCAPE}O[A-Z]|[^]`, 'g')

/**
 * Whether a program of this terminal's foreground writes to it: one in the background would be stopped as soon as it reads
 * keys. Source: proc_pid_stat(5), fields 5 and 8.
 */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [, , group, , , foreground] = fields
  return foreground === '-1' || foreground === group
}

/** Whether standard output is a terminal that can be drawn on. */
export function canDraw(): boolean {
  const { TERM } = process.env
  return (
    process.stdout.isTTY === true && TERM !== undefined && TERM !== '' && TERM !== 'dumb' && isInForeground()
  )
}

/** What is done with what a terminal tells. */
export interface ScreenEvents {
  onKey(key: string): void
  /** Its size has changed, or it shows us again: draw. */
  onResize(): void
}

/** The screen between its start and end(). Ctrl-C and Ctrl-Z do what they do anywhere. */
export class FullScreen {
  readonly #out: WriteStream = process.stdout
  /** undefined: there is no keyboard. */
  readonly #keys: ReadStream | undefined = process.stdin.isTTY ? process.stdin : undefined
  readonly #events: ScreenEvents
  #isShown = false
  readonly #onData = (data: string): void => {
    for (const [key] of data.matchAll(KEY)) this.#take(key)
  }
  readonly #onResize = (): void => this.#events.onResize()
  readonly #onContinue = (): void => {
    this.#show()
    this.#events.onResize()
  }
  readonly #leave = (): void => this.#hide()

  constructor(events: ScreenEvents) {
    this.#events = events
    process.on('exit', this.#leave)
    process.on('SIGCONT', this.#onContinue)
    this.#out.on('resize', this.#onResize)
    this.#keys?.setEncoding('utf8').on('data', this.#onData)
    this.#show()
  }

  get size(): ScreenSize {
    const { columns, rows } = this.#out
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows }
  }

  /** Draws lines, as many as there are rows at most. */
  draw(lines: readonly string[]): void {
    if (!this.#isShown) return
    const { rows } = this.size
    const all = Array.from({ length: rows }, (_, at) => `${CLEAR_LINE}${lines[at] ?? ''}`)
    this.#out.write(HOME + all.join('\r\n'))
  }

  /** Leaves the terminal as it was. May be called again. */
  end(): void {
    this.#hide()
    process.off('exit', this.#leave)
    process.off('SIGCONT', this.#onContinue)
    this.#out.off('resize', this.#onResize)
    this.#keys?.off('data', this.#onData).pause()
  }

  #show(): void {
    if (this.#isShown) return
    this.#isShown = true
    this.#keys?.setRawMode(true)
    this.#out.write(ENTER)
  }

  #hide(): void {
    if (!this.#isShown) return
    this.#isShown = false
    this.#out.write(LEAVE)
    this.#keys?.setRawMode(false)
  }

  /** The signals that a terminal makes of keys itself unless it is asked for all keys. */
  #take(key: string): void {
    if (key === CTRL_C) process.kill(process.pid, 'SIGINT')
    else if (key === CTRL_BACKSLASH) {
      this.#hide()
      process.kill(process.pid, 'SIGQUIT')
    } else if (key === CTRL_Z) {
      this.#hide()
      process.kill(process.pid, 'SIGTSTP')
    } else this.#events.onKey(key)
  }
}
