/** Every command that asks or changes a running switch, as an operator types it. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedGuest } from '../../src/embedded/guest.js'
import { Cli, type CliResult, cli } from '../host/cli-process.js'
import { frame } from '../support/switch.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-control-'))
const control = join(folder, 'control.sock')
const file = join(folder, 'switch.yaml')
const TEXT = `# The switch of this test
engine:
  budget: 0.7 # leave some
ports:
  # the first guest
  - {kind: vif, name: g1, socket: ${folder}/g1.sock} # here
  - {kind: vif, name: g2, socket: ${folder}/g2.sock}
`
let up: Cli

const run = (...args: string[]): Promise<CliResult> => cli([...args, '--control', control])
/** What a command prints with --json; it ends with 0. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' })
  return JSON.parse(stdout)
}
const changed = (subject: string, change: string) => ({ changes: [{ subject, change }] })

beforeAll(async () => {
  writeFileSync(file, TEXT, { mode: 0o640 })
  up = new Cli(['up', '--config', file, '--control', control, '--listen', '127.0.0.1:0'])
  await up.printed('the switch runs')
})
afterAll(async () => {
  up.kill('SIGTERM')
  expect(await up.ended).toMatchObject({ code: 0, stderr: '' })
  expect(() => statSync(control)).toThrow()
  rmSync(folder, { recursive: true })
})

describe('commands that follow a switch', () => {
  it('end with one line when it is killed', async () => {
    const doomed = new Cli(['up', '--vif', `g1=${folder}/doomed.sock`])
    await doomed.printed('the switch runs')
    const followers = [
      ['events', '--follow'],
      ['capture', 'g1', '--write', join(folder, 'doomed.pcapng')],
      ['stats', '--watch'],
    ].map((args) => new Cli([...args, '--control', doomed.control]))
    // Each has asked, or asks a socket without a switch: both are told.
    await followers[2]?.printed('g1')
    doomed.kill('SIGKILL')
    for (const { ended } of followers) {
      const { code, stderr } = await ended
      expect(stderr).toMatch(/^ringferry: .*(hung up|nobody listens|no such socket).*\n$/)
      expect([4, 7]).toContain(code)
    }
  }, 120_000)
})

describe('commands of a running switch', () => {
  it('ringferry status and port list and show tell what there is', async () => {
    expect(await json('status')).toMatchObject({ ports: 2, budget: 0.7, configFile: file })
    expect((await run('status')).stdout).toMatch(/^ringferry \d.*, process \d+, runs for /)
    expect((await json('port', 'list')).ports).toMatchObject([{ name: 'g1' }, { name: 'g2' }])
    expect(await json('port', 'show', 'g1')).toMatchObject({
      status: { name: 'g1' },
      settings: { kind: 'vif' },
    })
    expect((await run('port', 'show', 'g1')).stdout).toContain(`${folder}/g1.sock`)
  })

  it('ringferry port add, set and del do it once, and nothing the second time', async () => {
    const g3 = `g3=${folder}/g3.sock,vlan=10`
    expect(await json('port', 'add', 'vif', g3, '--dry-run')).toMatchObject({
      ...changed('g3', 'added'),
      dryRun: true,
    })
    expect(await json('port', 'add', 'vif', g3)).toMatchObject(changed('g3', 'added'))
    expect(await json('port', 'add', 'vif', g3)).toMatchObject({ changes: [] })
    expect(await run('port', 'add', 'vif', `${g3},isolated=true`)).toMatchObject({ code: 5 })
    expect(await json('port', 'set', 'g3', 'vlan=', 'trunk=10+20', 'fromVm.averageKiB=100')).toMatchObject({
      changes: [{ change: 'changed', effect: 'in-place', detail: 'vlan, trunk, fromVm' }],
    })
    expect((await json('port', 'show', 'g3')).settings).toMatchObject({ trunk: [10, 20] })
    expect(await json('port', 'del', 'g3')).toMatchObject({
      changes: [{ change: 'removed', effect: 'guest-cut' }],
    })
    expect(await json('port', 'del', 'g3')).toMatchObject({ changes: [] })
  })

  it('ringferry port and tune write into the file, comments kept, when --persist is given', async () => {
    await json('port', 'add', 'vif', `g4=${folder}/g4.sock`, '--persist')
    await json('port', 'set', 'g1', 'vlan=7', '--persist')
    await json('port', 'del', 'g2', '--persist')
    await json('tune', 'set', 'g1', '--weight', '2', '--persist')
    await json('tune', 'policy', 'fixed', '--hold', '50us', '--persist')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('# The switch of this test')
    expect(text).toContain('budget: 0.7 # leave some')
    expect(text).toMatch(/# the first guest\n {2}- \{kind: vif, name: g1, .*, vlan: 7, weight: 2\} # here/)
    expect(text).toMatch(/policy:\n {4}name: fixed\n {4}holdUs: 50\n/)
    expect(text).toMatch(/name: g4/)
    expect(text).not.toContain('g2')
    expect(statSync(file).mode & 0o777).toBe(0o640)
    writeFileSync(file, `${text}# by hand\n`)
    const refused = await run('port', 'set', 'g1', 'vlan=8', '--persist')
    expect(refused).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('has changed since the switch read it'),
    })
    expect((await json('port', 'show', 'g1')).settings).toMatchObject({ vlan: 7 })
  })

  it('ringferry config shows, checks, diffs and applies', async () => {
    const now = join(folder, 'now.yaml')
    writeFileSync(now, (await run('config', 'show')).stdout)
    expect(await json('config', 'diff', now)).toMatchObject({ changes: [] })
    const other = join(folder, 'other.yaml')
    writeFileSync(other, TEXT)
    expect(await json('config', 'diff', other)).toMatchObject({
      changes: [
        { subject: 'g4', effect: 'guest-cut' },
        { subject: 'g1', effect: 'in-place' },
        { subject: 'g2' },
        { subject: 'engine' },
      ],
    })
    expect(await run('config', 'diff', other, '--exit-code')).toMatchObject({ code: 1 })
    expect(await run('config', 'apply', other, '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing was done'),
    })
    expect((await run('config', 'apply', other)).stdout).toContain('g2: added')
    expect((await json('config', 'apply', other)).changes).toEqual([])
    const broken = join(folder, 'broken.yaml')
    writeFileSync(broken, 'engine: {budgte: 1}\nports: [{kind: vif, name: a}]\n')
    const checked = await cli(['config', 'check', broken])
    expect(checked).toMatchObject({ code: 2, stderr: '' })
    expect(checked.stdout.match(/^\S+broken\.yaml:\d+:\d+: /gm)).toHaveLength(2)
    expect(await run('config', 'apply', broken)).toMatchObject({
      code: 2,
      stderr: /broken\.yaml:1:10: .*and 1 more/,
    })
    writeFileSync(broken, `${TEXT}  - {kind: vif, name: g9, socket: /nowhere/g9}\n`)
    expect(await run('config', 'apply', broken)).toMatchObject({
      code: 4,
      stderr: /its folder does not exist/,
    })
  })

  it('ringferry fdb, stats and events tell of a guest that sends', async () => {
    const guest = new EmbeddedGuest(join(folder, 'g1.sock'))
    try {
      await up.printed('g1: link-up')
      guest.driver.send(frame(2, 1, 400))
      let addresses: { mac: string }[] = []
      while (addresses.length === 0)
        addresses = (await json('fdb', 'show', '--port', 'g1')).addresses as typeof addresses
      const [{ mac } = { mac: '' }] = addresses
      expect((await json('fdb', 'show', '--vlan', '5')).addresses).toEqual([])
      expect(await json('fdb', 'flush', '--mac', mac, '--dry-run')).toEqual({ flushed: 1, dryRun: true })
      expect(await json('fdb', 'flush', '--mac', mac)).toEqual({ flushed: 1, dryRun: false })
      expect((await json('fdb', 'show')).addresses).toEqual([])
      expect((await json('stats', 'g1')).ports).toMatchObject([
        { name: 'g1', counters: { ingress_bytes: 400 } },
      ])
      expect((await run('stats', 'g1')).stdout).toMatch(/ingress_frames +1/)
      const { events } = await json('events')
      expect((events as { event: string }[]).map(({ event }) => event)).toEqual(
        expect.arrayContaining(['added', 'removed', 'changed', 'attached', 'link-up', 'flushed']),
      )
    } finally {
      guest.close()
    }
    const following = new Cli(['events', '-f', '--json', '--control', control])
    await following.printed('"event":"detached"')
    following.kill('SIGINT')
    expect((await following.ended).code).toBe(0)
  })

  it('ringferry log level changes what is logged', async () => {
    expect(await json('log', 'level')).toEqual({ level: 'warn' })
    expect(await json('log', 'level', 'silent')).toEqual({ level: 'silent' })
  })

  it.each([
    [['port', 'show', 'g11'], 4, 'did you mean "g1"'],
    [['port', 'set', 'g1', 'vlna=7'], 2, 'vlna'],
    [['port', 'set', 'g1', 'vlan'], 2, 'key=value'],
    [['port', 'set', 'g1', 'socket=/tmp/x'], 2, 'cannot change in an open port'],
    [['port', 'set', 'g9', 'vlan=7'], 4, 'no such port'],
    [['port', 'add', 'vfi', 'a=b'], 2, 'vif'],
    [['port', 'add', 'vif', 'a'], 2, 'NAME=SOCKET'],
    [['fdb', 'flush', '--port', 'no'], 4, 'no such port'],
    [['fdb', 'flush', '--vlan', '5000'], 2, 'VLAN'],
    [['stats', 'no'], 4, 'no such port'],
    [['log', 'level', 'debgu'], 2, 'did you mean "debug"'],
    [['config', 'apply', '/nonexistent'], 4, 'no such configuration file'],
  ])('ringferry %j ends with %i and one line', async (args, code, text) => {
    const { stderr, ...rest } = await run(...args)
    expect({ args, ...rest }).toEqual({ args, code, stdout: '' })
    expect(stderr).toMatch(/^ringferry: [^\n]+\n$/)
    expect(stderr).toContain(text)
  })

  it('a second switch on the same socket ends with 5 and one line', async () => {
    const { code, stderr } = await run('up', '--vif', `x=${folder}/x.sock`)
    expect({ code, stderr }).toEqual({
      code: 5,
      stderr: expect.stringMatching(/^ringferry: [^\n]*control\.sock: another program listens[^\n]*\n$/),
    })
  })
})
