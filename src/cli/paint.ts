/** Colours of a terminal, where they are wanted. */

const ESC = '\x1b['

/** Puts text in a colour, or leaves it as it is. */
export interface Paint {
  /** Something is wrong. */
  readonly bad: (text: string) => string
  /** Something wants a look. */
  readonly warn: (text: string) => string
  readonly good: (text: string) => string
  readonly strong: (text: string) => string
}

const plain = (text: string): string => text
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `${ESC}${on}m${text}${ESC}${off}m`

export const NO_PAINT: Paint = { bad: plain, warn: plain, good: plain, strong: plain }
export const PAINT: Paint = { bad: sgr(31, 39), warn: sgr(33, 39), good: sgr(32, 39), strong: sgr(1, 22) }

/**
 * The colours of a terminal: none where NO_COLOR is set or TERM is dumb, unless FORCE_COLOR asks for them. Source: Node's
 * tty.WriteStream.hasColors, no-color.org.
 */
export function paintFor(terminal: { hasColors?(): boolean }): Paint {
  return terminal.hasColors?.() ? PAINT : NO_PAINT
}
