// Writes what is made of the code, dist/ being built: docs/schema/config.schema.json, openapi.json, and the routes in docs/api.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/**
 * Writes a file of JSON unless it says that already.
 * @param {string} name
 * @param {unknown} value
 */
function write(name, value) {
  const file = new URL(`../docs/schema/${name}`, import.meta.url)
  const text = `${JSON.stringify(value, null, 2)}\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

/**
 * Puts the table of routes into docs/api.md.
 * @param {{ method: string, path: string, summary: string }[]} routes
 */
function writeRoutes(routes) {
  const file = new URL('../docs/api.md', import.meta.url)
  const text = readFileSync(file, 'utf8')
  const rows = routes.map(({ method, path, summary }) => `| \`${method} ${path}\` | ${summary} |\n`)
  const head = '| Route | What |\n|---|---|\n'
  const at = text.indexOf(head) + head.length
  const fresh = text.slice(0, at) + rows.join('') + text.slice(text.indexOf('\n\n', at - 1) + 1)
  if (fresh !== text) writeFileSync(file, fresh)
}

/** @param {string} path inside dist/ */
const built = (path) => import(new URL(`../dist/${path}`, import.meta.url).href)

export async function writeSchemas() {
  const { configJsonSchema } = await built('config/schema.js')
  const { modelJsonSchema } = await built('experiment/model-schema.js')
  const { openApiDocument } = await built('daemon/api/openapi.js')
  const { ROUTES } = await built('daemon/api/routes.js')
  const { ringferryVersion } = await built('sys/version.js')
  write('config.schema.json', configJsonSchema())
  write('model.schema.json', modelJsonSchema())
  write('openapi.json', openApiDocument(ROUTES, ringferryVersion()))
  writeRoutes(ROUTES)
}
