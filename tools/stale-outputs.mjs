// Removes what tsc wrote for sources that are gone: a file left in dist/ hides an import that no longer resolves.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const OUTPUT = /\.(?:js|js\.map|d\.ts)$/

/**
 * @param {string} outputs the folder that tsc writes
 * @param {string} sources the folder that it reads
 * @returns {string[]} the outputs that were removed, relative to their folder
 */
export function removeStaleOutputs(outputs, sources) {
  const stale = readdirSync(outputs, { recursive: true, encoding: 'utf8' }).filter(
    (file) => OUTPUT.test(file) && !existsSync(join(sources, file.replace(OUTPUT, '.ts'))),
  )
  for (const file of stale) rmSync(join(outputs, file))
  return stale
}
