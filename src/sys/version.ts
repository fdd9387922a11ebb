import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const GIT_MS = 5_000

/** The version in this package's own package.json. */
export function ringferryVersion(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return 'unknown'
  }
}

/** The commit of this working tree, with "+" when files differ from it; undefined for an installed package. */
export function ringferryCommit(): string | undefined {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const git = (...words: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...words], { encoding: 'utf8', timeout: GIT_MS })
    return status === 0 ? stdout.trim() : undefined
  }
  // A package that lies in somebody else's repository has another top.
  if (git('rev-parse', '--show-prefix') !== '') return undefined
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === undefined) return undefined
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`
}
