import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedGuest } from '../../src/embedded/guest.js'
import { frame } from '../support/switch.js'
import { Cli, cli } from './cli-process.js'

const NOBODY = 65534
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']

describe('ringferry up', () => {
  let folder: string
  const running: Cli[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-cli-'))
    chmodSync(folder, 0o777)
  })
  afterEach(async () => {
    for (const each of running.splice(0)) {
      each.kill('SIGKILL')
      await each.ended
    }
    rmSync(folder, { recursive: true, force: true })
  })

  function start(...args: string[]): Cli {
    const made = new Cli(args)
    running.push(made)
    return made
  }
  const socket = (name: string): string => join(folder, `${name}.sock`)
  const vif = (name: string): string[] => ['--vif', `${name}=${socket(name)}`]

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`ringferry up removes its sockets and ends with 0 when ${signal} comes`, async () => {
      const up = start('up', ...vif('g1'), ...vif('g2'))
      await up.printed('the switch runs')
      expect(readdirSync(folder).sort()).toEqual(['g1.sock', 'g2.sock'])
      up.kill(signal)
      const { code, stderr } = await up.ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(readdirSync(folder)).toEqual([])
    })

  it('ringferry up --json tells events and counters when a guest sends', async () => {
    const up = start('up', ...vif('g1'), ...vif('g2'), '--json')
    await up.printed('"type":"ready"')
    const [a, b] = [new EmbeddedGuest(socket('g1')), new EmbeddedGuest(socket('g2'))]
    try {
      await up.printed('"event":"link-up"')
      a.driver.send(frame(2, 1, 400))
      await up.printed('"ingress_bytes":400')
    } finally {
      a.close()
      b.close()
    }
    await up.printed('"event":"detached"')
    up.kill('SIGINT')
    const { code, stdout } = await up.ended
    expect(code).toBe(0)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string })
    expect(new Set(lines.map((line) => line.type))).toEqual(new Set(['ready', 'event', 'stats']))
  })

  it('ringferry up says so in one line and leaves the other switch alone when a socket is busy', async () => {
    await start('up', ...vif('g1')).printed('the switch runs')
    const { code, stderr } = await cli(['up', ...vif('g2'), ...vif('g1')])
    expect(stderr).toBe(
      `ringferry: ${socket('g1')}: another program listens on this socket; stop it or choose another path\n`,
    )
    expect(code).toBe(5)
    expect(readdirSync(folder)).toEqual(['g1.sock'])
  })

  it('ringferry up takes a stale socket over when the switch before was killed', async () => {
    const killed = start('up', ...vif('g1'))
    await killed.printed('the switch runs')
    killed.kill('SIGKILL')
    await killed.ended
    expect(existsSync(socket('g1'))).toBe(true)
    await start('up', ...vif('g1')).printed('the switch runs')
  })

  it('ringferry up ends in one line when the folder of a socket is missing', async () => {
    const { code, stderr } = await cli(['up', '--vif', `g1=${folder}/none/g1.sock`])
    expect(stderr).toBe(`ringferry: ${folder}/none/g1.sock: its folder does not exist; create it first\n`)
    expect(code).toBe(4)
  })

  it('ringferry up makes its TAP in a namespace of its own, and says how to enter it, when a user has no rights', async () => {
    const up = new Cli(['up', ...vif('g1'), '--tap', 'host=rfnobody0'], asNobody)
    running.push(up)
    await up.printed('the switch runs')
    const enter = /enter it with: (nsenter [^\n]*)\n/.exec(up.stdout)?.[1] ?? ''
    expect(networkInterfaces()).not.toHaveProperty('rfnobody0')
    const inside = [...asNobody, ...enter.split(' '), 'ip', '-brief', 'link', 'show', 'rfnobody0']
    expect(execFileSync(inside[0] as string, inside.slice(1), { encoding: 'utf8' })).toMatch(
      /^rfnobody0 .*UP/,
    )
    up.kill('SIGTERM')
    expect((await up.ended).code).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it('ringferry up ends in one line when a user may not use a host NIC', async () => {
    const { code, stderr } = await cli(['up', ...vif('g1'), '--packet', 'host=lo'], asNobody)
    expect(stderr).toMatch(/^ringferry: [^\n]*device lo[^\n]*run as root[^\n]*\n$/)
    expect(code).toBe(3)
    expect(readdirSync(folder)).toEqual([])
  })

  it('ringferry up ends in one line with the place when its file is broken', async () => {
    const file = join(folder, 'broken.yaml')
    writeFileSync(file, 'ports:\n  - kind: vif\n    name: g1\n    sokcet: /tmp/x\n')
    const { code, stderr } = await cli(['up', '--config', file])
    expect(stderr).toMatch(
      /^ringferry: .*broken\.yaml:2:5: ports\[0\]\.socket is missing \(and 1 more; ringferry config check shows all\)\n$/,
    )
    expect(code).toBe(2)
    writeFileSync(file, 'ports: [\n  a: {\n')
    const second = await cli(['up', '--config', file])
    expect(second.stderr).toMatch(/^ringferry: .*broken\.yaml:\d+:\d+: this is not valid YAML: [^\n]*\n$/)
    expect(second.code).toBe(2)
  })
})
