/**
 * Operating errors: what a user can cause and mend (configuration, files, permission, missing tools).
 * One class, one table of codes. Thrown anywhere, caught once: at the command line (one line on standard
 * error, the table's exit code) and at the API (JSON, the table's HTTP status). Peers (guests, the wire) never cause one of these; they
 * cause counters and, at worst, the detachment of their own vif.
 */
export const ERRORS = {
  USAGE: { exit: 2, http: 400, title: 'wrong use of the command line' },
  CONFIG: { exit: 2, http: 422, title: 'the configuration is not valid' },
  PERMISSION: { exit: 3, http: 403, title: 'permission is missing' },
  NOT_FOUND: { exit: 4, http: 404, title: 'a file, device or guest is not there' },
  BUSY: { exit: 5, http: 409, title: 'a socket, device or name is in use' },
  UNSUPPORTED: { exit: 6, http: 501, title: 'this machine cannot do it' },
  SYSCALL: { exit: 7, http: 502, title: 'the kernel refused a call' },
  GUEST: { exit: 8, http: 502, title: 'a guest did not do what was asked' },
  INTERRUPTED: { exit: 130, http: 503, title: 'interrupted' },
} as const

/** What kind of error it is; `ERRORS` says what each means. */
export type ErrorCode = keyof typeof ERRORS

/** An operating error. `message` is one line: what is wrong, where, and what to do. */
export class RingferryError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RingferryError'
    this.code = code
  }

  /** The exit code that the command line ends with. */
  get exitCode(): number {
    return ERRORS[this.code].exit
  }
}
