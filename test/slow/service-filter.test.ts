/** The system calls of a running switch against the filter of its unit, which no systemd applies here. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { OWN_UDP_PORT } from '../support/own-udp-port.js'

const unit = readFileSync(new URL('../../packaging/systemd/ringferry.service', import.meta.url), 'utf8')
const program = new URL('../../dist/cli/main.js', import.meta.url).pathname
const has = (name: string): boolean => spawnSync(name, ['--version']).error === undefined
const canTrace = has('strace') && has('systemd-analyze')
if (!canTrace) console.log('strace or systemd-analyze is not installed: the filter is held against nothing')

/** The calls of a set of systemd's, sets within it included; a call by its own name. */
function callsOf(name: string): string[] {
  if (!name.startsWith('@')) return [name]
  const { stdout } = spawnSync('systemd-analyze', ['syscall-filter', name, '--no-pager'], {
    encoding: 'utf8',
  })
  const lines = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#')).flatMap(callsOf)
}

function allowed(): ReadonlySet<string> {
  const calls = new Set<string>()
  for (const [, not, list = ''] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm))
    for (const call of list.split(' ').flatMap(callsOf)) not ? calls.delete(call) : calls.add(call)
  return calls
}

it.runIf(canTrace)('the unit lets through every system call of a switch without host ports', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-filter-'))
  const at = (name: string): string => join(folder, name)
  const ports = [
    '--vif',
    `g1=${at('g1')},socketGroup=0`,
    '--stream',
    `s=${at('s')}`,
    '--dgram',
    `d=${at('d')}`,
  ]
  const words = [
    program,
    'up',
    ...ports,
    '--vxlan',
    `v=127.0.0.1,vni=7,peers=127.0.0.2,udpPort=${OWN_UDP_PORT}`,
    '--control',
    at('c'),
  ]
  const child = spawn(
    'strace',
    ['-f', '-qq', '-o', at('trace'), process.execPath, ...words, '--log-format', 'json'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let log = ''
  const ended = new Promise((resolve) => child.once('exit', resolve))
  for await (const chunk of child.stderr ?? []) {
    log += chunk
    if (log.includes('the switch is ready')) break
  }
  const ask = spawnSync(process.execPath, [program, 'tune', 'policy', 'adaptive', '--control', at('c')])
  expect(ask.status, log).toBe(0)
  const { pid } = JSON.parse(
    spawnSync(process.execPath, [program, 'status', '--json', '--control', at('c')], { encoding: 'utf8' })
      .stdout,
  ) as { readonly pid: number }
  process.kill(pid, 'SIGTERM')
  await ended
  const trace = readFileSync(at('trace'), 'utf8')
  rmSync(folder, { recursive: true })
  const used = new Set([...trace.matchAll(/^\d+ +(?:<\.\.\. )?([a-z_]\w*)/gm)].map(([, call = '']) => call))
  expect(used.size).toBeGreaterThan(30)
  const calls = allowed()
  expect([...used].filter((call) => !calls.has(call))).toEqual([])
})
