/** The pages of the dashboard (src/dashboard), as the build leaves them in dist/dashboard. They hold no secret. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { RingferryError } from '../../../errors/errors.js'
import { builtFile } from '../../../sys/built-file.js'
import { Content, route } from '../route.js'

/** Media types by file. */
const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'main.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
}

/** Nothing but what this server gives: no script in the page, no other host, in no frame. */
const SECURITY = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
}

function page(name: string): Content {
  const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined
  if (type === undefined)
    throw new RingferryError('NOT_FOUND', `the dashboard has no file ${name}; it begins at /`)
  return new Content(type, readFileSync(builtFile(`dashboard/${name}`)), SECURITY)
}

export const showDashboard = route({
  method: 'GET',
  path: '/',
  id: 'showDashboard',
  summary: 'The dashboard',
  content: { 'text/html': 'A page for browsers' },
  errors: ['NOT_FOUND'],
  handle: () => page('index.html'),
})

export const getDashboardFile = route({
  method: 'GET',
  path: '/dashboard/{file}',
  id: 'getDashboardFile',
  summary: 'Script, style and icon of the dashboard',
  params: z.strictObject({
    file: z.string().max(64).meta({ description: 'main.js, style.css or icon.svg' }),
  }),
  content: { 'text/javascript': 'Script', 'text/css': 'Style', 'image/svg+xml': 'Icon' },
  errors: ['NOT_FOUND'],
  handle: (_, { params: { file } }) => page(file),
})
