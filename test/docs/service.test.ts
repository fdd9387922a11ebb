/** The units of the service, and what docs/service.md says of them, as far as that shows without a running systemd. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAIN } from '../host/cli-process.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const units = join(root, 'packaging/systemd')
const page = readFileSync(join(root, 'docs/service.md'), 'utf8')
const hasSystemd = spawnSync('systemd-analyze', ['--version']).error === undefined
if (!hasSystemd) console.log('systemd-analyze is not installed: the units are held against nothing')

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-units-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const analyze = (...words: string[]): string => {
  const { stdout, stderr } = spawnSync('systemd-analyze', [...words, '--no-pager'], { encoding: 'utf8' })
  return stdout + stderr
}

/** A unit with drop-ins, in a folder of its own. Returns its path. */
function place(unit: string, ...dropIns: string[]): string {
  const own = mkdtempSync(join(folder, 'unit-'))
  const path = join(own, 'ringferry.service')
  cpSync(join(units, unit), path)
  mkdirSync(`${path}.d`)
  for (const name of dropIns) cpSync(join(units, 'drop-ins', name), join(`${path}.d`, name))
  return path
}

describe.runIf(hasSystemd)('the units', () => {
  it.each([
    ['the service of the host', ['ringferry.service'], 3],
    ['the same with TAPs and host NICs', ['ringferry.service', 'host-ports.conf'], 3],
    ['the service of a login', ['user/ringferry.service'], 10],
  ] as const)('%s is as exposed as the page says', (_, [unit, ...dropIns], limit) => {
    const text = analyze('security', '--offline=true', place(unit, ...dropIns))
    const level = /Overall exposure level for \S+: (\d+\.\d)/.exec(text)?.[1] ?? text
    expect(Number(level)).toBeLessThan(limit)
    expect(page).toMatch(new RegExp(`(?<![\\d.])${level.replace('.', '\\.')}(?!\\d)`))
  })

  it.each([
    ['ringferry.service', []],
    ['ringferry.service', ['host-ports.conf']],
    ['user/ringferry.service', []],
  ])('%s with %j has no setting that systemd does not know', (unit, dropIns) => {
    const path = place(unit, ...dropIns)
    // What it starts may not be installed here.
    for (const file of [path, ...dropIns.map((name) => join(`${path}.d`, name))])
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace(/^ExecStart=\/usr\/bin\/\S+/gm, 'ExecStart=/bin/true'),
      )
    expect(analyze('verify', '--man=no', path)).not.toContain('ringferry')
  })
})

describe('what the units start', () => {
  it.each(['ringferry.service', 'user/ringferry.service'])('%s is taken', (unit) => {
    const text = readFileSync(join(units, unit), 'utf8')
    const [, line = ''] = /^ExecStart=.*?ringferry (.*)$/m.exec(text) ?? []
    const words = line.replace(/\S+\.yaml/, join(root, 'packaging/etc/ringferry.yaml')).split(' ')
    const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, ...words, '--dry-run'], {
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('/run/ringferry/g1.sock')
  })
})

it('docs/service.md names every file that there is', () => {
  for (const name of ['ringferry.service', 'ringferry.socket', 'host-ports.conf'])
    expect(page).toContain(name)
})
