/** YAML text as data that remembers where everything stands, for errors with file, line and column. */
import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { RingferryError } from '../errors/errors.js'

export type Path = readonly PropertyKey[]

/** Where something stands in a text; both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Something wrong, and where. */
export interface PlacedMistake extends Place {
  readonly message: string
}

/** YAML as data, or what is wrong with it. */
export interface ReadYaml {
  readonly data: unknown
  /** Where the value at a path stands, or the nearest thing above it; `key`: its name instead. */
  placeOf(path: Path, key?: boolean): Place
  readonly mistakes: readonly PlacedMistake[]
}

export interface PlacedYaml {
  readonly data: unknown
  /** "file.yaml:3:5": as placeOf(). */
  at(path: Path, key?: boolean): string
}

/** The node at a path, or the nearest one above it that exists. */
function findNode(root: Node | null, path: Path, key: boolean): Node | undefined {
  let node: Node | undefined = root ?? undefined
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      )
      if (!pair) return node
      if (key && depth === path.length - 1) return isNode(pair.key) ? pair.key : node
      node = isNode(pair.value) ? pair.value : isNode(pair.key) ? pair.key : node
    } else if (node && 'items' in node) {
      const item = (node.items as unknown[])[Number(step)]
      if (!isNode(item)) return node
      node = item
    } else return node
  }
  return node
}

/** "file.yaml:3:5". @param name the file's path */
export function placeText(name: string, { line, column }: Place): string {
  return `${name}:${line}:${column}`
}

const notYaml = (words: string): string => `this is not valid YAML: ${words.split('\n')[0]}`

/** Reads YAML; never throws. */
export function readPlaced(text: string): ReadYaml {
  const lines = new LineCounter()
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const mistakes: PlacedMistake[] = []
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    for (const { message, pos } of document.errors)
      mistakes.push({ ...place(pos[0]), message: notYaml(message) })
    return {
      // Aliases that lead nowhere, or into each other without end, are found here.
      data: mistakes.length > 0 ? undefined : (document.toJS() as unknown),
      placeOf: (path, key = false) => place(findNode(document.contents, path, key)?.range?.[0] ?? 0),
      mistakes,
    }
  } catch (error) {
    const words = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message
    return {
      data: undefined,
      placeOf: () => place(0),
      mistakes: [{ line: 1, column: 1, message: notYaml(words) }],
    }
  }
}

/** Reads YAML. Throws CONFIG with file, line and column. @param name how errors call the text: the file's path */
export function parsePlaced(text: string, name: string): PlacedYaml {
  const { data, placeOf, mistakes } = readPlaced(text)
  const [first] = mistakes
  if (first) throw new RingferryError('CONFIG', `${placeText(name, first)}: ${first.message}`)
  return { data, at: (path, key) => placeText(name, placeOf(path, key)) }
}
