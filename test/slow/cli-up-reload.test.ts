import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Cli, cli } from '../host/cli-process.js'

describe('ringferry up', () => {
  let folder: string
  let up: Cli | undefined

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-reload-'))
    chmodSync(folder, 0o755)
  })
  afterEach(async () => {
    up?.kill('SIGKILL')
    await up?.ended
    rmSync(folder, { recursive: true, force: true })
  })
  const socket = (name: string): string => join(folder, `${name}.sock`)
  const write = (...names: string[]): string => {
    const file = join(folder, 'switch.yaml')
    const ports = names.map((name) => `  - {kind: vif, name: ${name}, socket: ${socket(name)}}`)
    writeFileSync(file, ['ports:', ...ports, ''].join('\n'))
    return file
  }

  it('ringferry up follows its file, and survives a bad one, when SIGHUP comes', async () => {
    up = new Cli(['up', '--config', write('g1', 'g2')])
    await up.printed('the switch runs')
    write('g1', 'g3')
    up.kill('SIGHUP')
    await up.printed('reloaded: g3: added')
    expect(up.stdout).toContain('reloaded: g2: removed')
    expect(up.stdout).not.toContain('reloaded: g1')
    expect([existsSync(socket('g2')), existsSync(socket('g3'))]).toEqual([false, true])
    const changed = `ports:\n  - {kind: vif, name: g1, socket: ${socket('g1')}, vlan: 7}\n`
    writeFileSync(join(folder, 'switch.yaml'), changed)
    up.kill('SIGHUP')
    await up.printed('reloaded: g1: changed in place (vlan)')
    writeFileSync(join(folder, 'switch.yaml'), `${changed}  - {kind: vif, name: g9, socket: /nowhere/g9}\n`)
    up.kill('SIGHUP')
    await up.printed('not reloaded, nothing was changed: /nowhere/g9: its folder does not exist')
    writeFileSync(join(folder, 'switch.yaml'), 'ports: [')
    up.kill('SIGHUP')
    await up.printed('this is not valid YAML')
    up.kill('SIGTERM')
    expect(await up.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('ringferry up says that there is nothing to reload when it has no file', async () => {
    up = new Cli(['up', '--json', '--vif', `g1=${socket('g1')}`])
    await up.printed('"type":"ready"')
    up.kill('SIGHUP')
    await up.printed('"error":"there is nothing to reload')
    up.kill('SIGINT')
    expect((await up.ended).code).toBe(0)
  })

  it('ringferry guest run boots nothing when its socket cannot be reached', async () => {
    const run = (path: string) => cli(['guest', 'run', 'uml', '--name', 'g1', '--socket', path, '--', 'true'])
    expect(await run(socket('g1'))).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('no such socket'),
    })
    expect(await run(write('g1'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('this is no socket'),
    })
  })
})
