// Builds dist/ when a source is newer than what was built, so that a bench measures the sources as they are.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Written last by the build. */
const LAST = 'dist/index.js'

function newest(folder) {
  let latest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) latest = Math.max(latest, newest(path))
    else if (!entry.name.endsWith('.test.ts')) latest = Math.max(latest, statSync(path).mtimeMs)
  }
  return latest
}

/** Runs the build unless dist/ is up to date. */
export function ensureBuilt() {
  const plane = join(root, 'dist/plane.wasm')
  const built = existsSync(plane) && existsSync(join(root, LAST)) ? statSync(join(root, LAST)).mtimeMs : 0
  const planeBuilt = built === 0 ? 0 : statSync(plane).mtimeMs
  if (newest(join(root, 'plane')) < planeBuilt && newest(join(root, 'src')) < built) return
  console.error('building ...')
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] })
}
