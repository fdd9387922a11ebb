/**
 * Who may ask. A Unix socket's file says who connects; what is kept out here are pages in a browser that reach a socket or
 * port through a proxy or by their own name for 127.0.0.1 (cross-site requests, DNS rebinding), and on TCP whoever does
 * not show the token. Source: Fetch Metadata Request Headers (W3C), RFC 6750.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { HttpRefusal } from './failure.js'

/** Where clients come in. */
export type Door =
  | { readonly kind: 'unix' }
  /** @param token that those show who may change the switch; @param port as the kernel gave it */
  | { readonly kind: 'tcp'; readonly token: string; readonly port: number }

const UNAUTHORIZED = 401
const FORBIDDEN = 403
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/i
/** A name without a dot is nobody's on the internet: "localhost", "ringferry". */
const SINGLE_LABEL = /^[a-z0-9_-]+$/i

/** Whether a name or address is this machine's alone. IPv6 in brackets. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Whether a Host header names this server, so that no page elsewhere had it looked up. */
function isOurName(door: Door, host: string): boolean {
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  if (door.kind === 'unix') return name === '' || LOOPBACK.test(name) || SINGLE_LABEL.test(name)
  return LOOPBACK.test(name) && Number(port ?? '80') === door.port
}

/** Throws a refusal unless the request comes from no page, or from one of ours. */
function checkOrigin(door: Door, headers: IncomingHttpHeaders): void {
  const { host = '', origin } = headers
  const site = headers['sec-fetch-site']
  const refuse = (what: string): never => {
    throw new HttpRefusal(FORBIDDEN, 'PERMISSION', `${what}; only this machine's own pages may ask`)
  }
  if (!isOurName(door, host)) refuse(`the Host header is "${host}", no name of this switch`)
  if (origin !== undefined && origin !== `http://${host}`)
    refuse(`the request comes from a page of ${origin}`)
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    refuse('the request comes from a page of another site')
}

function checkToken(door: Door, headers: IncomingHttpHeaders, needsToken: boolean): void {
  if (door.kind === 'unix') return
  const { authorization } = headers
  if (authorization === undefined) {
    if (!needsToken) return
    throw new HttpRefusal(
      UNAUTHORIZED,
      'PERMISSION',
      'this needs the token; send "Authorization: Bearer TOKEN" with what is in the token file',
    )
  }
  const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? []
  if (timingSafeEqual(digest(token), digest(door.token))) return
  throw new HttpRefusal(UNAUTHORIZED, 'PERMISSION', 'the token is wrong; send what is in the token file')
}

/** Throws a refusal when this request must not be served. */
export function checkClient(door: Door, headers: IncomingHttpHeaders, needsToken: boolean): void {
  checkOrigin(door, headers)
  checkToken(door, headers, needsToken)
}
