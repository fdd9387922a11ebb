import { readFileSync } from 'node:fs'
import { builtFile } from '../sys/built-file.js'

let compiled: WebAssembly.Module | undefined

/** The plane, compiled once a thread. Throws NOT_FOUND when it was not built. */
export function planeModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(builtFile('plane.wasm')))
  return compiled
}
