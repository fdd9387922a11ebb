import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Lines that a file may have without saying in its header why it is longer: "Longer than N lines because ...". */
const MAX_LINES = { src: 350, plane: 260 } as const
/** Positional parameters of a function of the plane; more are named, or a record. */
const MAX_PARAMETERS = 5
/** The fast path: calls that the compiler inlines, with the state of both rings in locals. */
const FAST_PATH = 'fast/fast.ts'

interface Source {
  readonly name: string
  readonly text: string
}

/** The TypeScript files below a folder of the project that are written by hand. */
function sources(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, text: readFileSync(join(ROOT, folder, name), 'utf8') }))
    .filter(({ text }) => !text.startsWith('// Generated'))
}

/** The comments with which a file begins. */
function header(text: string): string {
  return /^(?:\s*(?:\/\/[^\n]*\n|\/\*[\s\S]*?\*\/))*/.exec(text)?.[0] ?? ''
}

/** Files that are longer than they may be and do not say why, with their lines. */
function tooLong(files: readonly Source[], maxLines: number): string[] {
  return files
    .map(({ name, text }) => ({ name, lines: text.split('\n').length - 1, head: header(text) }))
    .filter(({ lines, head }) => lines > maxLines && !head.includes(`Longer than ${maxLines} lines because `))
    .map(({ name, lines }) => `${name}: ${lines} lines`)
}

/** Functions with more positional parameters than they may have. */
function tooMany({ name, text }: Source): string[] {
  return [...text.matchAll(/function (\w+)\(([^)]*)\)/g)]
    .map(([, called, list]) => ({
      called,
      count: (list as string).split(',').filter((one) => one.trim()).length,
    }))
    .filter(({ count }) => count > MAX_PARAMETERS)
    .map(({ called, count }) => `${name}: ${called} has ${count}`)
}

describe('sizes', () => {
  it('every file of src is short, or says in its header why it is not', () => {
    expect(tooLong(sources('src'), MAX_LINES.src)).toEqual([])
  })

  it('every file of the plane is short, or says in its header why it is not', () => {
    expect(tooLong(sources('plane'), MAX_LINES.plane)).toEqual([])
  })

  it('no function of the slow path has more than five positional parameters', () => {
    const files = sources('plane').filter(({ name }) => name !== FAST_PATH)
    expect(files.flatMap(tooMany)).toEqual([])
  })

  it('a file is found when it is one line too long and gives no reason, or gives it elsewhere', () => {
    const lines = (count: number, first = ''): Source => ({
      name: 'a.ts',
      text: first + 'x()\n'.repeat(count),
    })
    const reason = '/** What it is. Longer than 3 lines because it must be. */\n'
    expect(tooLong([lines(3)], 3)).toEqual([])
    expect(tooLong([lines(4)], 3)).toEqual(['a.ts: 4 lines'])
    expect(tooLong([lines(4, reason), lines(4, `// One.\n\n// Two.\n${reason}`)], 3)).toEqual([])
    expect(tooLong([lines(4, `x()\n${reason}`)], 3)).toEqual(['a.ts: 6 lines'])
    expect(tooLong([lines(4, reason)], 4)).toEqual(['a.ts: 5 lines'])
  })

  it('a function is found when it has six parameters, on one line or on several', () => {
    const text =
      'function a(b: i32, c: i32, d: i32, e: i32, f: i32): void {}\nexport function g(\n  h: i32,\n  i: i32,\n  j: i32,\n  k: i32,\n  l: i32,\n  m: i32,\n): void {}\n'
    expect(tooMany({ name: 'a.ts', text })).toEqual(['a.ts: g has 6'])
  })
})
