import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { allProcesses } from '../../src/lab/guest/processes.js'
import { Cli, cli } from './cli-process.js'

const workFolders = (): string[] =>
  readdirSync(tmpdir()).filter((name) => /^ringferry-(run|cliguest)/.test(name))

describe('ringferry guest run', () => {
  const before = workFolders()
  afterEach(() => expect(workFolders()).toEqual(before))

  it('ringferry guest run gives output and exit code of the command back', async () => {
    const { code, stdout, stderr } = await cli([
      ...['guest', 'run', 'uml', '--name', 'cliguest', '--address', '10.1.2.3/24', '--'],
      'hostname; ip -4 -o addr show eth0; echo trouble >&2; exit 7',
    ])
    expect(code).toBe(7)
    expect(stdout).toMatch(/^cliguest\n.*inet 10\.1\.2\.3\/24/)
    expect(stderr).toBe('trouble\n')
  })

  it('ringferry guest run --json gives one object', async () => {
    const { code, stdout } = await cli([
      ...['guest', 'run', 'uml', '--name', 'cliguest', '--json', '--'],
      ...['echo', 'two  words', "it's"],
    ])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      guest: 'cliguest',
      kind: 'uml',
      code: 0,
      stdout: "two  words it's\n",
      stderr: '',
    })
  })

  it('ringferry guest run leaves no process when SIGTERM comes', async () => {
    const run = new Cli(['guest', 'run', 'uml', '--name', 'cliguest', '--', 'echo up; sleep 1000'])
    await run.printed('up')
    const own = allProcesses().filter((process) => process.parent === run.child.pid)
    expect(own).not.toHaveLength(0)
    run.kill('SIGTERM')
    const { code, stderr } = await run.ended
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'ringferry: interrupted; everything was cleaned up\n',
    })
    const sessions = new Set(own.map((process) => process.session))
    expect(allProcesses().filter(({ session, state }) => sessions.has(session) && state !== 'Z')).toEqual([])
  })

  it('ringferry guest run says in one line that a netns guest has no socket', async () => {
    const { code, stderr } = await cli([
      'guest',
      'run',
      'netns',
      '--name',
      'n',
      '--socket',
      '/tmp/x',
      '--',
      'true',
    ])
    expect(stderr).toBe('ringferry: --socket: a netns guest hangs on a TAP; give --tap DEVICE\n')
    expect(code).toBe(2)
  })
})
