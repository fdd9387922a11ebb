// Writes the schemas that are made of the code, dist/ being built: docs/schema/config.schema.json and openapi.json.
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

/** @param {string} path inside dist/ */
const built = (path) => import(new URL(`../dist/${path}`, import.meta.url).href)

export async function writeSchemas() {
  const { configJsonSchema } = await built('config/schema.js')
  const { openApiDocument } = await built('daemon/api/openapi.js')
  const { ROUTES } = await built('daemon/api/routes.js')
  const { ringferryVersion } = await built('sys/version.js')
  write('config.schema.json', configJsonSchema())
  write('openapi.json', openApiDocument(ROUTES, ringferryVersion()))
}
