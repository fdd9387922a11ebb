/** A switch that is run as a service, by a manager that is played here. */
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { NotifyListener } from '../support/notify-listener.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-service-'))
afterAll(() => rmSync(folder, { recursive: true }))
const program = new URL('../../dist/cli/main.js', import.meta.url).pathname

it('ringferry up tells its manager what it does, and logs for the journal', async () => {
  const config = join(folder, 'ringferry.yaml')
  const port = (name: string): string =>
    `  - {name: ${name}, kind: vif, socket: ${join(folder, `${name}.sock`)}}\n`
  writeFileSync(config, `ports:\n${port('g1')}`)
  const journal = join(folder, 'journal')
  const fd = openSync(journal, 'a')
  const { dev, ino } = fstatSync(fd, { bigint: true })
  const manager = new NotifyListener(join(folder, 'notify'))
  const child = spawn(
    process.execPath,
    [program, 'up', '--config', config, '--control', join(folder, 'control.sock'), '--log-format', 'json'],
    {
      stdio: ['ignore', 'pipe', fd],
      env: {
        ...process.env,
        NOTIFY_SOCKET: join(folder, 'notify'),
        WATCHDOG_USEC: '300000',
        JOURNAL_STREAM: `${dev}:${ino}`,
      },
    },
  )
  let output = ''
  child.stdout?.on('data', (data) => {
    output += data
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const ready = await manager.heard('READY=1')
  await manager.heard('WATCHDOG=1', ready)
  await manager.heard('STATUS=0 of 1 ports up', ready)

  appendFileSync(config, port('g2'))
  child.kill('SIGHUP')
  const reloading = await manager.heard('RELOADING=1\nMONOTONIC_USEC=', ready)
  await manager.heard('READY=1', reloading)
  await manager.heard('STATUS=0 of 2 ports up', reloading)

  child.kill('SIGTERM')
  await manager.heard('STOPPING=1', reloading)
  expect(await ended).toBe(0)
  manager.close()
  expect(output).toBe('')
  const lines = readFileSync(journal, 'utf8').trimEnd().split('\n')
  expect(lines.every((line) => /^<[2-7]>\{.*\}$/.test(line))).toBe(true)
  expect(lines.map((line) => JSON.parse(line.slice(3)).msg)).toEqual([
    'the switch is ready',
    'the configuration has changed',
    'the switch is stopping',
    'drained',
  ])
})
