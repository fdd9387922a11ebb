import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const tool = new URL('../../tools/layers.mjs', import.meta.url).href
const { checkLayers } = await import(tool)
const roots: string[] = []

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

/** A folder with these files. */
function plant(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'ringferry-layers-'))
  roots.push(root)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

/** What the checker finds in a tree of files, a line each. */
function check(files: Record<string, string>): string[] {
  const found: { file: string; line: number; message: string }[] = checkLayers(plant(files)).breaches
  return found.map(({ file, line, message }) => `${file}:${line}: ${message}`)
}

const breaches = (name: string, text: string) => check({ [name]: text })

test('layers prints one line and exits 0 when imports only go down', () => {
  const root = plant({
    'src/index.ts': "export * from './cli/main.js'\nexport * from './sim/clock.js'\n",
    'src/cli/main.ts': "import { up } from '../daemon/up.js'\nimport './table.js'\nup()\n",
    'src/cli/table.ts': "import { fail } from '../errors/errors.js'\nfail()\n",
    'src/daemon/up.ts': "import koffi from '../sys/libc.js'\nexport const up = () => koffi\n",
    'src/sys/libc.ts': "import koffi from 'koffi'\nexport default koffi\n",
    'src/errors/errors.ts': 'export const fail = () => {}\n',
    'src/sim/clock.ts': "import { mean } from '../stats/mean.js'\nexport const tick = mean\n",
    'src/stats/mean.ts': 'export const mean = 1\n',
    'plane/plane.ts': "import { RING } from './layout'\nexport const ring = RING\n",
    'plane/layout.ts': 'export const RING = 1\n',
  })
  const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(tool), root], {
    encoding: 'utf8',
  })
  expect([stdout, stderr, status]).toEqual(['layers: 10 files, no breach\n', '', 0])
})

test('layers prints a line per breach and exits 1 when there are any', () => {
  const root = plant({ 'src/port/a.ts': "\nimport '../lab/bed/b.js'\nimport 'koffi'\n" })
  const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(tool), root], {
    encoding: 'utf8',
  })
  const lines = ['upward import: port must not see lab/bed', 'imports koffi; only src/sys does']
  expect(stdout).toBe(`src/port/a.ts:2: ${lines[0]}\nsrc/port/a.ts:3: ${lines[1]}\n`)
  expect([stderr, status]).toEqual(['', 1])
})

test.each([
  ['an import', "import { a } from '../engine/a.js'"],
  ['an import over several lines', "import {\n  a,\n} from '../engine/a.js'"],
  ['a bare import', "import '../engine/a.js'"],
  ['a namespace import', "import * as a from '../engine/a.js'"],
  ['a default import called type', "import type from '../engine/a.js'"],
  ['an import of types', "import type { A } from '../engine/a.js'"],
  ['a re-export', "export { a } from '../engine/a.js'"],
  ['a re-export of all', "export * as a from '../engine/a.js'"],
  ['a re-export of types', "export type { A } from '../engine/a.js'"],
  ['a dynamic import', "const a = await import('../engine/a.js')"],
  ['a dynamic import in a template', `const a = \`\${1 + (await import('../engine/a.js')).a}\``],
  ['a worker', "new Worker(new URL('../engine/a.js', import.meta.url))"],
  ['a compiled worker', "new Worker(new URL('../../dist/engine/a.js', import.meta.url))"],
])('layers fails when %s goes upward', (_, statement) => {
  expect(breaches('src/port/tap.ts', `// port\n${statement}\n`)).toEqual([
    'src/port/tap.ts:2: upward import: port must not see engine',
  ])
})

test.each([
  ['a comment', "// import { a } from '../engine/a.js'\n/* import '../engine/a.js' */"],
  ['a string', 'export const text = "import \'../engine/a.js\'"'],
  ['a template', `export const text = \`\${1}import '../engine/a.js'\``],
  ['a regular expression with quotes', 'export const quote = /["\'`]/.test("x") // \'"'],
  ['a local export list', "const from = 1\nexport { from }\nexport const a = '../engine/a.js'"],
  ['a property', "export const load = (x: any) => x.import('../engine/a.js')"],
  ['a file that is no module', "export const wasm = new URL('../engine/plane.wasm', import.meta.url)"],
])('layers reports nothing when an upward path only stands in %s', (_, text) => {
  expect(breaches('src/port/tap.ts', `${text}\n`)).toEqual([])
})

test.each([
  ['vhost-user', 'grants'],
  ['sim', 'engine'],
  ['virtio', 'stats'],
  ['driver', 'port'],
])('layers fails when %s imports %s on its level', (from, to) => {
  expect(breaches(`src/${from}/a.ts`, `import '../${to}/b.js'\n`)).toEqual([
    `src/${from}/a.ts:1: sideways import: ${from} and ${to} are on one level`,
  ])
})

test.each([
  ['src/stats/a.ts', '../core/b.js', 'upward import: stats must not see core'],
  ['src/plot/a.ts', 'node:fs', 'reaches node:fs: plot/a.ts > node:fs'],
  ['src/aggregation/a.ts', 'zod', 'reaches zod: aggregation/a.ts > zod'],
  ['src/sim/a.ts', 'node:os', 'reaches node:os: sim/a.ts > node:os'],
  ['src/port/a.ts', 'koffi', 'imports koffi; only src/sys does'],
  ['src/port/a.test.ts', 'koffi', 'imports koffi; only src/sys does'],
  ['src/cli/a.ts', '../index.js', 'imports src/index.ts, which is for users of the package'],
  ['src/cli/a.ts', '../../tools/b.js', 'imports ../../tools/b.js, which is outside src/'],
  ['src/cli/a.ts', '../../dist/lab/b.js', 'imports ../../dist/lab/b.js, which is outside src/'],
  ['src/cli/a.ts', 'ringferry', 'imports the package by its own name; use a relative path'],
  ['src/cli/a.ts', '../lab/run.test.js', 'imports the test lab/run.test.ts'],
  ['src/cli/a.ts', '../utils/b.js', 'imports utils/b.ts, whose folder has no level in tools/layers.mjs'],
  ['src/utils/a.ts', 'node:fs', 'utils has no level; give it one in tools/layers.mjs'],
  ['plane/a.ts', '../src/core/layout', 'imports ../src/core/layout, which is outside plane/'],
  ['plane/a.ts', 'koffi', 'imports koffi, which is outside plane/'],
])('layers fails when %s imports %s', (name, path, message) => {
  expect(breaches(name, `import '${path}'\n`)).toEqual([`${name}:1: ${message}`])
})

test('layers fails when the path of an import is computed', () => {
  expect(breaches('src/cli/a.ts', 'export const load = (name: string) => import(name)\n')).toEqual([
    'src/cli/a.ts:1: the path of an import is a literal, so that it can be checked',
  ])
})

test("layers lets the dashboard see only the types of the daemon's API", () => {
  expect(breaches('src/dashboard/a.ts', "import type { State } from '../daemon/api/state.js'\n")).toEqual([])
  expect(breaches('src/dashboard/a.ts', "import { state } from '../daemon/api/state.js'\n")).toEqual([
    'src/dashboard/a.ts:1: imports daemon/api/state.ts as code; dashboard sees only its types',
  ])
  expect(breaches('src/dashboard/a.ts', "import type { Up } from '../daemon/up.js'\n")).toEqual([
    'src/dashboard/a.ts:1: dashboard must not import daemon',
  ])
  expect(breaches('src/dashboard/a.ts', "import { fail } from '../errors/errors.js'\n")).toEqual([
    'src/dashboard/a.ts:1: dashboard must not import errors',
  ])
})

test('layers lets a test see any layer', () => {
  expect(breaches('src/vhost-user/session.test.ts', "import '../frontend/driver.js'\nDate.now()\n")).toEqual(
    [],
  )
})

test('layers fails when a layer without a kernel reaches one through others', () => {
  const files = {
    'src/control/a.ts': "\nimport { b } from '../core/b.js'\n",
    'src/core/b.ts': "import { c } from '../errors/c.js'\nexport const b = c\n",
    'src/errors/c.ts': "import 'node:fs'\nexport const c = 1\n",
    'src/port/d.ts': "import { c } from '../errors/c.js'\n",
  }
  expect(check(files)).toEqual([
    'src/control/a.ts:2: reaches node:fs: control/a.ts > core/b.ts > errors/c.ts > node:fs',
    'src/core/b.ts:1: reaches node:fs: core/b.ts > errors/c.ts > node:fs',
  ])
  expect(check({ 'src/sim/a.ts': "import '../sys/b.js'\n", 'src/sys/b.ts': '' })).toEqual([
    'src/sim/a.ts:1: reaches sys: sim/a.ts > sys/b.ts',
  ])
  expect(check({ 'src/sim/a.ts': "import type { B } from '../sys/b.js'\n", 'src/sys/b.ts': '' })).toEqual([])
})

test.each([
  ['lab/bed', 'lab/run', 'upward import: lab/bed must not see lab/run'],
  ['daemon', 'lab/bed', 'upward import: daemon must not see lab/bed'],
  ['lab/guest', 'lab/record', 'sideways import: lab/guest and lab/record are on one level'],
])('layers fails when %s imports %s', (from, to, message) => {
  const path = `${from.includes('/') ? '../..' : '..'}/${to}/b.js`
  expect(breaches(`src/${from}/a.ts`, `import '${path}'\n`)).toEqual([`src/${from}/a.ts:1: ${message}`])
})

test('layers follows builtFile to the program of a thread', () => {
  expect(breaches('src/engine/a.ts', "builtFile('daemon/b.js')\n")).toEqual([
    'src/engine/a.ts:1: upward import: engine must not see daemon',
  ])
})

test('layers names the whole circle when files import each other', () => {
  const lines = check({
    'src/port/a.ts': "import './b.js'\n",
    'src/port/b.ts': "\nimport type { C } from './c.js'\n",
    'src/port/c.ts': "import '../errors/e.js'\nexport * from './a.js'\n",
    'src/errors/e.ts': 'export {}\n',
  })
  expect(lines).toEqual([
    'src/port/c.ts:2: circular import: src/port/a.ts > src/port/b.ts > src/port/c.ts > src/port/a.ts',
  ])
})

test('layers finds circles among the files of the plane', () => {
  const lines = check({
    'plane/vring.ts': "import { walk } from './chain'\nwalk()\n",
    'plane/chain.ts': "import { RING } from './vring'\nexport const walk = RING\n",
  })
  expect(lines).toEqual([
    'plane/vring.ts:1: circular import: plane/chain.ts > plane/vring.ts > plane/chain.ts',
  ])
})

test('layers lets a file start itself as a worker', () => {
  expect(breaches('src/engine/a.ts', "new Worker(new URL('./a.js', import.meta.url))\n")).toEqual([])
})

test.each([
  ['Date.now', 'Date.now()'],
  ['performance.now', 'performance.now()'],
  ['Math.random', 'const x = [Math.random]'],
  ['setTimeout', 'setTimeout(f, 1)'],
  ['setInterval', 'globalThis\nsetInterval(f, 1)'],
  ['setImmediate', "import { setImmediate } from 'node:timers'"],
])('layers fails when a file below the engine uses %s', (name, text) => {
  const line = text.split('\n').length
  expect(breaches('src/driver/a.ts', `${text}\n`)).toEqual([
    `src/driver/a.ts:${line}: ${name}: time and chance are arguments here (src/sys/clock reads time)`,
  ])
})

test('layers accepts clocks when they are in sys, in the engine, in comments or an argument', () => {
  expect(breaches('src/sys/clock.ts', 'export const nowUs = () => performance.now() * 1000\n')).toEqual([])
  expect(breaches('src/engine/a.ts', 'setTimeout(() => Date.now(), 1)\n')).toEqual([])
  expect(
    breaches('src/sim/a.ts', '// not Date.now()\nexport const f = (c: any) => c.setTimeout(1)\n'),
  ).toEqual([])
})
