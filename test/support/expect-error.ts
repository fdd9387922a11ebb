import { expect } from 'vitest'
import { type ErrorCode, RingferryError } from '../../src/errors/errors.js'

/** Expects an operating error of a code, in one line that matches. */
export function expectError(run: () => unknown, code: ErrorCode, message: RegExp): void {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(RingferryError)
    expect((error as RingferryError).code).toBe(code)
    expect((error as RingferryError).message).toMatch(message)
    expect((error as RingferryError).message).not.toContain('\n')
    return
  }
  throw new Error(`no error; expected ${code}`)
}

/** Runs something with the rights of an ordinary user. Only root can. */
export function asOrdinaryUser<T>(run: () => T): T {
  const nobody = 65534
  process.seteuid?.(nobody)
  try {
    return run()
  } finally {
    process.seteuid?.(0)
  }
}
