/** Text in columns of a terminal: wide characters take two, control characters none that a peer could choose. */
import stringWidth from 'string-width'

const ELLIPSIS = '~'

/** Text without what would steer a terminal: control characters become "?". */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, '?')
}

/** Columns that a text takes; colours take none. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** The beginning of a text that fits so many columns; what was cut shows as "~". Without colours. */
export function cut(text: string, columns: number): string {
  const shown = printable(text)
  if (widthOf(shown) <= columns) return shown
  if (columns <= 0) return ''
  let fitting = ''
  for (const character of shown) {
    if (widthOf(fitting + character) > columns - ELLIPSIS.length) break
    fitting += character
  }
  return fitting + ELLIPSIS
}

/** A text in exactly so many columns: cut, or filled up with blanks on its right, or on its left where it is a number. */
export function toWidth(text: string, columns: number, isNumber = false): string {
  const shown = cut(text, columns)
  const blanks = ' '.repeat(Math.max(0, columns - widthOf(shown)))
  return isNumber ? blanks + shown : shown + blanks
}

/**
 * A text in lines of at most so many columns, broken at blanks; words that are longer are broken where they must be.
 * @param indent before every line but the first
 */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  // A wide character fits at least.
  const room = (): number => Math.max(2, columns - (lines.length === 0 ? 0 : indent.length))
  const end = (): void => {
    lines.push((lines.length === 0 ? '' : indent) + line)
    line = ''
  }
  for (const word of printable(text).split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > room()) end()
    line += (line === '' ? '' : ' ') + word
    while (widthOf(line) > room()) {
      let head = ''
      for (const character of line) {
        if (widthOf(head + character) > room()) break
        head += character
      }
      const rest = line.slice(head.length)
      line = head
      end()
      line = rest
    }
  }
  if (line !== '' || lines.length === 0) end()
  return lines
}
