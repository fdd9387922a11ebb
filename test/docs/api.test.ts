import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openApiDocument } from '../../src/daemon/api/openapi.js'
import { ROUTES } from '../../src/daemon/api/routes.js'
import { ERRORS } from '../../src/errors/errors.js'
import { ringferryVersion } from '../../src/sys/version.js'

const read = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8')

describe('docs/api.md', () => {
  it('docs/api.md has the table of routes that tools/schemas.mjs makes', () => {
    const rows = ROUTES.map(({ method, path, summary }) => `| \`${method} ${path}\` | ${summary} |`)
    expect(read('api.md')).toContain(`| Route | What |\n|---|---|\n${rows.join('\n')}\n\n`)
  })

  it('docs/api.md names the status and the code of every error', () => {
    for (const [code, { http }] of Object.entries(ERRORS).filter(
      ([name]) => !['GUEST', 'INTERRUPTED'].includes(name),
    ))
      expect(read('api.md')).toMatch(new RegExp(`^\\| [^|]*\\b${http}\\b[^|]* \\| .*\`${code}\``, 'm'))
  })

  it('docs/schema/openapi.json is what the routes make', () => {
    const made = JSON.parse(JSON.stringify(openApiDocument(ROUTES, ringferryVersion()))) as object
    expect(JSON.parse(read('schema/openapi.json'))).toEqual(made)
  })
})
