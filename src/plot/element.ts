/** SVG as text: elements, escaping and coordinates. */

export type Attributes = Readonly<Record<string, string | number | undefined>>

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text made safe for element content and attributes. Characters that XML does not allow become U+FFFD. */
export function escapeText(text: string): string {
  return (
    text
      // Halves of characters, which UTF-8 cannot hold.
      .replace(/\p{Surrogate}/gu, '\ufffd')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"']/g, (character) => ENTITIES[character]!)
  )
}

/** A coordinate: two decimals are a fiftieth of a pixel, and keep snapshots free of rounding noise. */
export function coordinate(value: number): string {
  const rounded = Math.round(value * 100) / 100
  return String(Object.is(rounded, -0) ? 0 : rounded)
}

/** One element; `undefined` attributes are left out. `content` is SVG, already escaped. */
export function element(name: string, attributes: Attributes, content?: string): string {
  let text = `<${name}`
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    text += ` ${key}="${typeof value === 'number' ? coordinate(value) : escapeText(value)}"`
  }
  return content === undefined ? `${text}/>` : `${text}>${content}</${name}>`
}

/** A group whose members stand on lines of their own, so that snapshots differ by line. */
export function group(attributes: Attributes, members: readonly string[]): string {
  return members.length === 0 ? '' : element('g', attributes, `\n${members.join('\n')}\n`)
}

/** A path through points, broken where `undefined` stands; the empty string for no points. */
export function pathThrough(points: readonly (readonly [number, number] | undefined)[]): string {
  let path = ''
  let open = false
  for (const point of points) {
    if (point) path += `${open ? 'L' : 'M'}${coordinate(point[0])},${coordinate(point[1])}`
    open = point !== undefined
  }
  return path
}
