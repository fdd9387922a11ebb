import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ApiClient } from './client.js'
import { eventSchema } from './routes/events.js'
import { getLogLevel } from './routes/log.js'

let folder: string
let server: Server
let said = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rft-client-'))
  server = createServer((_, response) => response.end(said))
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve))
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

const ask = async (answer: string): Promise<unknown> => {
  said = answer
  return new ApiClient(join(folder, 'socket')).call(getLogLevel)
}

describe('ApiClient', () => {
  it.each([
    ['[]'],
    ['null'],
    ['7'],
    ['{}'],
    ['{"level": "loud"}'],
    ['{"other": {"level": "info"}}'],
    ['<html>'],
    [''],
  ])('call says in one line that %j is no answer of a switch', async (answer) => {
    await expect(ask(answer)).rejects.toMatchObject({
      code: 'SYSCALL',
      message: expect.stringMatching(/socket: this is no answer of a switch[^\n]*$/),
    })
  })

  it.each([
    ['null'],
    ['{"event": "attached"}'],
    ['torn {'],
  ])('read says in one line that %j is no event of a stream', (said) => {
    expect(() => new ApiClient('socket').read(eventSchema, said)).toThrow(
      expect.objectContaining({
        code: 'SYSCALL',
        message: expect.stringMatching(/^socket: this is no answer of a switch[^\n]*$/),
      }),
    )
  })

  it('call takes what a newer switch says beside the answer, and hands it on', async () => {
    const answer = { level: 'info', since: 'yesterday' }
    expect(await ask(JSON.stringify(answer))).toEqual(answer)
  })
})
