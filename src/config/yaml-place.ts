/** YAML text as data that remembers where everything stands, for errors with file, line and column. */
import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { RingferryError } from '../errors/errors.js'

export type Path = readonly PropertyKey[]

export interface PlacedYaml {
  readonly data: unknown
  /** "file.yaml:3:5": where the value at a path stands, or the nearest thing above it; `key`: its name instead. */
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

/** Reads YAML. Throws CONFIG with file, line and column. @param name how errors call the text: the file's path */
export function parsePlaced(text: string, name: string): PlacedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const [problem] = document.errors
  if (problem) {
    const words = problem.message.split('\n')[0] as string
    throw new RingferryError('CONFIG', `${place(problem.pos[0])}: this is not valid YAML: ${words}`)
  }
  return {
    data: document.toJS() as unknown,
    at: (path, key = false) => place(findNode(document.contents, path, key)?.range?.[0] ?? 0),
  }
}
