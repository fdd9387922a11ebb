/**
 * undefined: done. false: refused, the session goes on. A string: a violation, the session ends.
 * Bytes: the payload of the reply that the request demands.
 */
export type Outcome = undefined | false | string | Uint8Array
