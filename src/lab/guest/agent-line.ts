/**
 * The lines between host and agent (agent-script.ts).
 *
 *   host to agent    ID r COMMAND     run a shell command; text escaped for printf %b
 *                    ID k SIGNAL      send a signal to its process group
 *                    0 q              power off
 *   agent to host    @rf@ 0 ready     the agent reads
 *                    @rf@ ID o TEXT   a line of standard output ("O": more of this line follows)
 *                    @rf@ ID e TEXT   the same for standard error ("E")
 *                    @rf@ ID x CODE   the command has ended and all of its output was sent
 *
 * The channel is a terminal line on which other text may appear (a kernel's complaint, a shell's): what
 * does not begin with the mark is not protocol. Bytes travel as latin1 until a line is whole, because a
 * long line may be cut inside a character.
 */

export const AGENT_MARK = '@rf@'

/** Ends each stream of a command; before it stands the last line when that had no newline. */
export const END_OF_OUTPUT = '@rf@ end of output'

/** Longest piece of a line that the agent sends at once: a single write, so that pieces never mix. */
export const PIECE_BYTES = 800

export type AgentLine =
  | { readonly verb: 'ready' }
  | {
      readonly verb: 'text'
      readonly id: number
      readonly stream: 'stdout' | 'stderr'
      readonly more: boolean
      readonly text: string
    }
  | { readonly verb: 'exit'; readonly id: number; readonly code: number }

/** Reads one line of the agent; undefined for text that is not protocol. Never throws. */
export function parseAgentLine(line: string): AgentLine | undefined {
  const match = /^@rf@ (\d{1,9}) (ready|[oOeEx])(?: (.*))?$/s.exec(line)
  if (!match) return undefined
  const id = Number(match[1])
  const text = match[3] ?? ''
  switch (match[2]) {
    case 'ready':
      return { verb: 'ready' }
    case 'x':
      return /^\d{1,3}$/.test(text) ? { verb: 'exit', id, code: Number(text) } : undefined
    case 'o':
    case 'O':
      return { verb: 'text', id, stream: 'stdout', more: match[2] === 'O', text }
    default:
      return { verb: 'text', id, stream: 'stderr', more: match[2] === 'E', text }
  }
}

/** A request to run a command, as latin1 of its UTF-8 bytes; no byte of it is a line end. */
export function runRequest(id: number, command: string): string {
  return `${id} r ${escapeForPrintf(command)}\n`
}

/** A request to signal a command's process group; `signal` as in "TERM". */
export function signalRequest(id: number, signal: string): string {
  return `${id} k ${signal}\n`
}

export const POWER_OFF_REQUEST = '0 q\n'

/** Text that `printf %b` turns back: backslashes doubled, control characters and outer blanks in octal. */
export function escapeForPrintf(text: string): string {
  return (
    text
      .replaceAll('\\', '\\\\')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
      .replace(/[\x00-\x1f\x7f]|^ | $/g, (char) => `\\0${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
  )
}

/** Cuts a byte stream into lines. The last part waits for its newline; it is bounded by `maxBytes`. */
export class LineSplitter {
  #rest = ''
  readonly #maxBytes: number

  constructor(maxBytes = 1 << 20) {
    this.#maxBytes = maxBytes
  }

  /** The lines completed by this chunk, as latin1. A line above the limit is given out in parts. */
  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + Buffer.from(chunk).toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > this.#maxBytes) {
      lines.push(this.#rest)
      this.#rest = ''
    }
    return lines
  }

  /** What remains without a newline. */
  get rest(): string {
    return this.#rest
  }
}
