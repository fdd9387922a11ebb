/** A switch whose sockets are handed over, as systemd does. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { closeFd, connectUnix, listenUnix } from '../../src/sys/unix-socket.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-activation-'))
afterAll(() => rmSync(folder, { recursive: true }))
const program = new URL('../../dist/cli/main.js', import.meta.url).pathname

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (answer) => {
      let text = ''
      answer.on('data', (data) => {
        text += data
      })
      answer.once('end', () => resolve(text))
    })
      .once('error', reject)
      .end()
  })
}

it('ringferry up serves guests and the API on sockets that systemd hands over', async () => {
  const [guest, api] = ['guest', 'api'].map((name) => join(folder, `${name}.sock`)) as [string, string]
  const listeners = [listenUnix(guest), listenUnix(api)]
  // A guest and an operator that were there first wait for the switch.
  const early = connectUnix(guest)
  const status = ask(api, '/v1/ports')
  const child = spawn(
    'sh',
    [
      '-c',
      'LISTEN_PID=$$ exec "$0" "$@"',
      process.execPath,
      program,
      'up',
      '--stream',
      'g=fd:web',
      '--control',
      'fd:api',
      '--json',
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit', ...listeners],
      env: { ...process.env, LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:api' },
    },
  )
  for (const fd of listeners) closeFd(fd)
  let output = ''
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.stdout?.on('data', (data) => {
      output += data
      if (output.includes('link-up')) resolve()
    })
  })
  expect(output).toContain('link-up')
  expect(await status).toContain('"kind":"stream"')
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('exit', resolve))
  expect([existsSync(guest), existsSync(api)]).toEqual([true, true])
  closeFd(early)
})
