// The plane's functions as text. A frame's state is a record (plane/frame/record.ts), not a list of arguments.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const PLANE = fileURLToPath(new URL('../../plane/', import.meta.url))
const MAX_PARAMETERS = 5
const MAX_LINES = 260
const FUNCTION = /^(?:export )?function (\w+)\(([^)]*)\)/gm

/** Functions that take more, with the reason. */
const EXCEPTED: Readonly<Record<string, string>> = {
  'fast.ts commit':
    'the fast path keeps the receiver in locals; what it writes back would be stores per frame',
}
/** Files that are longer and say why in their header. */
const LONG: readonly string[] = ['fast.ts']

const files = readdirSync(PLANE, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(PLANE + path, 'utf8') }))

/** Names of all functions with more parameters than MAX_PARAMETERS. */
function crowded(): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(FUNCTION)]
      .filter(([, , list = '']) => list.split(',').filter((word) => word.trim()).length > MAX_PARAMETERS)
      .map(([, name]) => `${path} ${name}`),
  )
}

describe('the plane', () => {
  it('has no function of more than five parameters but those that give a reason', () => {
    expect(crowded().sort()).toEqual(Object.keys(EXCEPTED).sort())
  })

  it('is read whole by this test', () => {
    const found = files.flatMap(({ text }) => [...text.matchAll(FUNCTION)])
    const said = files.flatMap(({ text }) => [...text.matchAll(/^(?:export )?function /gm)])
    expect(found.length).toBe(said.length)
    expect(found.length).toBeGreaterThan(200)
  })

  it('has no file beyond 260 lines but those that give a reason', () => {
    const long = files.filter(({ text }) => text.split('\n').length - 1 > MAX_LINES).map(({ path }) => path)
    expect(long.filter((path) => !LONG.includes(path))).toEqual([])
  })
})
