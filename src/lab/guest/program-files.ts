/** Programs of the host and their libraries, as files of a guest's first root. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ArchiveEntry } from './initramfs.js'
import { findTool, type Tool, toolEnvironment } from './tools.js'

/** A file of the host and where it lies in a guest, both absolute. */
export interface ProgramFile {
  readonly source: string
  readonly path: string
}

/** Paths of shared libraries in the output of ldd, the loader included. */
export function parseLdd(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /=> (\/\S+)/.exec(line)?.[1] ?? /^\s+(\/\S+) \(/.exec(line)?.[1])
    .filter((path) => path !== undefined)
}

/** Whether a program has a dynamic loader: the text of its PT_INTERP segment is in its first page. */
export function isDynamic(path: string): boolean {
  return readFileSync(path).subarray(0, 4096).includes('/ld-')
}

/** Fetched libraries lie in a cache folder; inside they go where the loader looks. */
function libraryPath(path: string): string {
  return path.startsWith('/lib') || path.startsWith('/usr/lib') ? path : join('/usr/lib', basename(path))
}

function libraries(tool: Tool): string[] {
  if (!isDynamic(tool.path)) return []
  const output = execFileSync('ldd', [tool.path], { encoding: 'utf8', env: toolEnvironment(tool) })
  return parseLdd(output).filter((path) => existsSync(path))
}

/** A program as /usr/bin/NAME of a guest, and the libraries that it needs. */
export function programFiles(name: string, tool: Tool): ProgramFile[] {
  return [
    { source: tool.path, path: `/usr/bin/${name}` },
    ...libraries(tool).map((source) => ({ source, path: libraryPath(source) })),
  ]
}

export function fileEntry(path: string, source: string, executable: boolean): ArchiveEntry {
  return { type: 'file', path, content: readFileSync(source), executable }
}

/** A program of the host and its libraries in an archive; nothing when the host has none. */
export function programEntries(name: string): ArchiveEntry[] {
  const tool = findTool(name)
  return tool ? programFiles(name, tool).map(({ path, source }) => fileEntry(path, source, true)) : []
}
