/** How a refusal looks: its HTTP status and its JSON, for whatever can go wrong. */
import type { z } from 'zod'
import { ConfigError } from '../../config/config.js'
import { check, firstMistake } from '../../config/schema-check.js'
import { ERRORS, type ErrorCode, RingferryError } from '../../errors/errors.js'
import { type ErrorAnswer, FAULT_CODE } from './schemas.js'

export interface Failure {
  readonly status: number
  readonly answer: ErrorAnswer
}

/** A refusal whose HTTP status says more than its code. */
export class HttpRefusal extends RingferryError {
  readonly status: number

  constructor(status: number, code: ErrorCode, message: string) {
    super(code, message)
    this.status = status
  }
}

const HTTP_FAULT = 500

/** Fastify's own refusals, by its codes: status and text. */
const FRAMEWORK: Readonly<Record<string, readonly [number, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'the body is too large'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'the body must be of content type application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'the body is empty; it must be JSON'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'the body is no valid JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'the body is not as long as its content-length says'],
  FST_ERR_BAD_URL: [400, 'the path is not valid'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'the path is too long'],
}

const say = (status: number, code: ErrorAnswer['error']['code'], message: string): Failure => ({
  status,
  answer: { error: { code, message } },
})

/** What is answered of an error. `report` is told of those that are faults of Ringferry. */
export function failureOf(error: unknown, report: (error: unknown) => void): Failure {
  if (error instanceof HttpRefusal) return say(error.status, error.code, error.message)
  if (error instanceof ConfigError) {
    const { code, message, mistakes } = error
    return { status: ERRORS[code].http, answer: { error: { code, message, mistakes } } }
  }
  if (error instanceof RingferryError)
    return say(ERRORS[error.code].http, error.code, error.message.replaceAll('\n', ' '))
  const { code = '', statusCode = HTTP_FAULT } = error as Partial<Record<string, never>>
  const known = FRAMEWORK[code]
  if (known) return say(known[0], 'USAGE', known[1])
  if (statusCode >= 400 && statusCode < HTTP_FAULT)
    return say(statusCode, 'USAGE', 'the request is not one that this server takes; see docs/api.md')
  if (statusCode > HTTP_FAULT) return say(statusCode, 'INTERRUPTED', 'the switch is stopping')
  report(error)
  return say(HTTP_FAULT, FAULT_CODE, 'internal error; please report it with what the switch logged')
}

/** Checks what was sent. Throws USAGE with the first mistake. @param whole what the data is called */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
  whole: string,
): z.infer<Schema> {
  const { value, mistakes } = check(schema, data, whole)
  if (mistakes) throw new RingferryError('USAGE', firstMistake(mistakes, whole))
  return value
}
