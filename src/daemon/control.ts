/**
 * The control socket of a running switch: JSON lines over a Unix socket, one answer per request.
 *
 *   -> {"method":"tune","change":{"vif":"g1","targetUs":200}}
 *   <- {"result":{...}}  or  {"error":{"code":"NOT_FOUND","message":"..."}}
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { z } from 'zod'
import type { ControlConfig } from '../config/config.js'
import { policySchema } from '../config/schema.js'
import type { Switch, SwitchTuning } from '../engine/switch.js'
import { type ErrorCode, RingferryError } from '../errors/errors.js'
import { checkReachable } from '../sys/socket-reach.js'
import { listenUnix, unlinkQuietly } from '../sys/unix-socket.js'

const MAX_LINE_BYTES = 65_536
const ANSWER_LIMIT_MS = 5_000

const requestSchema = z.strictObject({
  method: z.literal('tune'),
  change: z.strictObject({
    policy: policySchema.optional(),
    budget: z.number().optional(),
    awake: z.number().optional(),
    dryRun: z.boolean().optional(),
    vif: z.string().optional(),
    targetUs: z.number().optional(),
    weight: z.number().optional(),
  }),
})
export type ControlRequest = z.infer<typeof requestSchema>

type Answer =
  | { readonly result: SwitchTuning }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } }

/** undefined fields of a parsed request are absent fields of a change. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never
}

async function answer(running: Switch, line: string): Promise<Answer> {
  try {
    const { change } = requestSchema.parse(JSON.parse(line))
    const { policy, ...rest } = withoutUndefined(change)
    return {
      result: await running.tune({ ...rest, ...(policy ? { policy: withoutUndefined(policy) } : {}) }),
    }
  } catch (error) {
    if (error instanceof RingferryError) return { error: { code: error.code, message: error.message } }
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      return {
        error: { code: 'USAGE', message: 'control socket: the request is not one that is known here' },
      }
    throw error
  }
}

/** The lines of a socket. Its errors are dealt with where the socket is made. */
function lines(socket: Socket): Interface {
  return createInterface({ input: socket }).on('error', () => {})
}

function serve(running: Switch, socket: Socket): void {
  socket.on('error', () => socket.destroy())
  let waiting = 0
  socket.on('data', (data) => {
    waiting = data.includes(10) ? 0 : waiting + data.length
    if (waiting > MAX_LINE_BYTES) socket.destroy()
  })
  lines(socket).on('line', async (line) => {
    const reply = await answer(running, line)
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`)
  })
}

/**
 * Opens the control socket. Throws BUSY when a program listens there or something else is there, NOT_FOUND,
 * PERMISSION. Close it with `close()`.
 */
export async function openControl(
  running: Switch,
  config: ControlConfig,
): Promise<{ close(): Promise<void> }> {
  const fd = listenUnix(config.socket, config)
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serve(running, socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, resolve)
  })
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
        unlinkQuietly(config.socket)
      }),
  }
}

/** Sends one request to a running switch. Throws NOT_FOUND when none listens, and what the switch answers. */
export async function askControl(path: string, request: ControlRequest): Promise<SwitchTuning> {
  checkReachable(path, `ringferry up --control ${path}`)
  const socket = connect(path)
  const line = await new Promise<string>((resolve, reject) => {
    socket.setTimeout(ANSWER_LIMIT_MS, () =>
      socket.destroy(
        new RingferryError(
          'SYSCALL',
          `${path}: the switch does not answer within ${ANSWER_LIMIT_MS / 1000} s`,
        ),
      ),
    )
    socket.once('error', (error) =>
      reject(
        error instanceof RingferryError
          ? error
          : new RingferryError(
              'NOT_FOUND',
              `${path}: no switch listens there; start one with ringferry up --control ${path}`,
            ),
      ),
    )
    socket.once('close', () => reject(new RingferryError('SYSCALL', `${path}: the switch hung up`)))
    lines(socket).once('line', resolve)
    socket.write(`${JSON.stringify(request)}\n`)
  })
  socket.destroy()
  const reply = JSON.parse(line) as Answer
  if ('error' in reply) throw new RingferryError(reply.error.code, reply.error.message)
  return reply.result
}
