/**
 * How much room text takes, without a font: widths by class of character, in em, on the wide side of the common
 * sans-serif fonts (DejaVu Sans), because text that is estimated too wide leaves a gap and one estimated too narrow
 * overlaps.
 */

const NARROW = new Set([..." .,:;'!|ijlIftr()[]/\\-"])
const WIDE = new Set([...'mwMW@%'])
/** From here on (Hangul, kana, ideographs, full-width forms, emoji) a character is a square. */
const SQUARE_FROM = 0x1100

function widthOf(character: string): number {
  if (character.codePointAt(0)! >= SQUARE_FROM && !/[\u2000-\u22ff]/.test(character)) return 1.05
  if (NARROW.has(character)) return 0.38
  if (WIDE.has(character)) return 0.98
  return /[A-Z]/.test(character) ? 0.72 : 0.62
}

/** Estimated width of one line, in the unit of `size` (the font size). */
export function textWidth(text: string, size: number): number {
  let em = 0
  for (const character of text) em += widthOf(character)
  return em * size
}

/** The text, cut with an ellipsis where it would be wider than `width`. */
export function truncate(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text
  let room = width - size * 0.7
  let kept = ''
  for (const character of text) {
    room -= widthOf(character) * size
    if (room < 0) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

/** The text in lines no wider than `width`, broken at spaces; the last of at most `maxLines` is cut with an ellipsis. */
export function wrap(text: string, size: number, width: number, maxLines: number): string[] {
  const lines: string[] = []
  let line = ''
  const words = text.split(/\s+/).filter((word) => word !== '')
  words.forEach((word, at) => {
    const longer = line === '' ? word : `${line} ${word}`
    if (line === '' || textWidth(longer, size) <= width) line = longer
    else if (lines.length === maxLines - 1) line = `${line} ${words.slice(at).join(' ')}`
    else {
      lines.push(line)
      line = word
    }
  })
  if (line !== '') lines.push(line)
  // A last line that took all that was left is longer than its room; so may a single word be.
  return lines.slice(0, maxLines).map((one) => truncate(one, size, width))
}

/** Whether the text fits into lines of this width without being cut. */
export function fits(text: string, size: number, width: number, maxLines: number): boolean {
  return (
    wrap(text, size, width, maxLines).join(' ') ===
    text
      .split(/\s+/)
      .filter((word) => word !== '')
      .join(' ')
  )
}
