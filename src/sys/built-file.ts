import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { RingferryError } from '../errors/errors.js'

/**
 * A file of the build: beside the compiled files, or in dist/ when the sources run, which threads of Node cannot.
 * Throws NOT_FOUND when it is not there.
 * @param path inside dist/, e.g. "engine/engine-worker.js"
 */
export function builtFile(path: string): string {
  const places = [`../${path}`, `../../dist/${path}`].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  )
  // What is compiled is JavaScript: beside a source lies TypeScript.
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw new RingferryError('NOT_FOUND', `${places[0]} is missing; run npm run build`)
  return found
}
