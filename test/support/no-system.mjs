// For `node --import`: from then on every module of Node's and every package throws when it is loaded.
import { register } from 'node:module'

const hooks = `
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  if (found.url.startsWith('file:') && !found.url.includes('/node_modules/')) return found
  throw new Error(specifier + ' is out of reach here; asked for by ' + context.parentURL)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
