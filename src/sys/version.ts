import { readFileSync } from 'node:fs'

/** The version in this package's own package.json. */
export function ringferryVersion(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return 'unknown'
  }
}
