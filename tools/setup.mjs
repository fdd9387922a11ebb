// Brings a fresh clone to where it runs: Node's version, the packages, the build. Node's own modules only.
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'

/** The root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

const NODE_MAJOR = 20
/** Written when a build has succeeded, dated at its beginning: an edit during the build leads to another one. */
const STAMP = 'dist/.built'
/** What the build makes itself. */
const GENERATED = 'src/core/layout.ts'

/** @param {string} path */
const modifiedMs = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0)

/** One line on standard error and exit code 1 when Node is too old. */
export function checkNode() {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) return
  console.error(
    `ringferry needs Node.js ${NODE_MAJOR} or newer; this is ${process.versions.node} (${process.execPath})`,
  )
  process.exit(1)
}

/**
 * Ends with the command's output and one line of what failed.
 * @param {string} message
 * @param {{ code: number, output: string }} result
 */
function fail(message, { code, output }) {
  process.stderr.write(output)
  console.error(message)
  process.exit(code === 0 ? 1 : code)
}

/** Installs the packages of package-lock.json unless node_modules is as new. Ends the process when it fails. */
export async function install() {
  const installedMs = modifiedMs('node_modules/.package-lock.json')
  if (installedMs > 0 && installedMs >= modifiedMs('package-lock.json')) return
  console.log('installing packages (npm ci)')
  const args = [
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
  ]
  const npm = process.env.npm_execpath
  const result = npm
    ? await run(process.execPath, [npm, ...args], { cwd: root })
    : await run('npm', args, { cwd: root })
  if (result.code !== 0) fail('npm ci failed; check the network and the npm registry, then try again', result)
}

/** Time of the newest file that the build reads, in milliseconds. */
function newestSourceMs() {
  const files = ['package-lock.json', 'tsconfig.json', 'tools/build.mjs']
  for (const top of ['plane', 'src']) {
    if (!existsSync(join(root, top))) continue
    for (const file of readdirSync(join(root, top), { recursive: true })) files.push(`${top}/${file}`)
  }
  const read = files.filter(
    (file) => /\.(ts|json|mjs)$/.test(file) && !/\.test\.ts$/.test(file) && file !== GENERATED,
  )
  return Math.max(...read.map(modifiedMs))
}

/** Builds dist/ unless it is as new as its sources. Ends the process when it fails. */
export async function build() {
  const builtMs = existsSync(join(root, 'dist/cli/main.js')) ? modifiedMs(STAMP) : 0
  if (builtMs > 0 && builtMs >= newestSourceMs()) return
  console.log('building (plane and dist/)')
  const begin = new Date()
  const result = await run(process.execPath, ['tools/build.mjs'], { cwd: root })
  if (result.code !== 0) fail('the build failed', result)
  writeFileSync(join(root, STAMP), '')
  utimesSync(join(root, STAMP), begin, begin)
}
