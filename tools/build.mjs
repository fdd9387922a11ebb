// Builds everything: the layout copy for TypeScript, the plane (.wasm), the JavaScript in dist/, the dashboard and the schemas in docs/schema.
// `node tools/build.mjs plane` builds only the layout and the plane, `node tools/build.mjs dist` only the rest.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildDashboard } from './dashboard.mjs'
import { writeMetricsPage } from './metrics-page.mjs'
import { writeSchemas } from './schemas.mjs'
import { removeStaleOutputs } from './stale-outputs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
/** @param {string} name */
const bin = (name) => `node_modules/.bin/${name}`

/** Copies plane/layout.ts and its tables, the one place where they are described, into one file of the TypeScript side. */
export function generateLayout() {
  /** @param {string} path */
  const read = (path) => readFileSync(`plane/${path}.ts`, 'utf8')
  const text = read('layout').replace(/^export \* from '\.\/(.*)'$/gm, (_, table) => read(table))
  const target = 'src/core/layout.ts'
  const marked = `// Generated from plane/layout.ts by tools/build.mjs. Do not edit.\n${text}`
  if (!existsSync(target) || readFileSync(target, 'utf8') !== marked) writeFileSync(target, marked)
}

function buildPlane() {
  mkdirSync('dist', { recursive: true })
  // Renamed when it is whole: engines that start meanwhile load the old one.
  const fresh = `dist/plane.${process.pid}.wasm`
  const flags = [
    'plane/plane.ts',
    '--outFile',
    fresh,
    '--runtime',
    'stub',
    '--importMemory',
    '--sharedMemory',
    '--initialMemory',
    '256',
    '--maximumMemory',
    '65536',
    '--memoryBase',
    '1024',
    '--enable',
    'threads',
    '--enable',
    'simd',
    '--enable',
    'bulk-memory',
    '--optimizeLevel',
    '3',
    '--shrinkLevel',
    '0',
    '--converge',
    '--noAssert',
    '--use',
    'abort=',
  ]
  execFileSync(bin('asc'), flags, { stdio: ['ignore', 'inherit', 'pipe'] })
  renameSync(fresh, 'dist/plane.wasm')
}

async function buildDist() {
  mkdirSync('dist', { recursive: true })
  removeStaleOutputs('dist', 'src')
  execFileSync(bin('tsc'), ['-p', 'tsconfig.json'], { stdio: 'inherit' })
  if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755)
  execFileSync(bin('tsc'), ['-p', 'src/dashboard'], { stdio: 'inherit' })
  await buildDashboard(root)
  await writeSchemas()
  await writeMetricsPage()
}

const part = process.argv[2]
if (part !== 'dist') {
  generateLayout()
  buildPlane()
}
if (part !== 'plane') await buildDist()
