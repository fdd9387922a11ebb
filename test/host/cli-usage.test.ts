import { describe, expect, it } from 'vitest'
import { cli } from './cli-process.js'

const COMMANDS = [
  ...['status', 'port set', 'fdb flush', 'stats', 'events', 'config check', 'config diff', 'log level'],
  'up',
  'attach',
  'guest run',
  'guest fetch',
  'doctor',
]

describe('ringferry', () => {
  it('ringferry ends with 2 and one line when the command line is wrong', async () => {
    const wrong = [
      ['fly'],
      ['tune', 'sho'],
      ['--bogus'],
      ['up'],
      ['up', '--bogus'],
      ['up', '--vif', 'g1'],
      ['up', '--vif', 'g1=/tmp/a', '--vif', 'g1=/tmp/b'],
      ['attach', 'g1'],
      ['attach', '--print', 'xen', 'g1'],
      ['guest', 'run', 'uml', '--', 'true'],
      ['guest', 'run', 'docker', '--name', 'g1', '--', 'true'],
      ['lab', 'run', 'seed', '--guests', 'docker'],
      ['status', '--control', ''],
      ['attach', '--print', 'qemu', 'g1', '--socket', ''],
      ['attach', '--print', 'qemu', '', '--socket', '/tmp/g1.sock'],
      ['attach', '--print', 'qemu', 'g\n1', '--socket', '/tmp/g1.sock'],
      ['up', '--config', '/'],
      ['up', '--config', '/dev/zero'],
      ['up', '--config', '/dev/null'],
      ['lab', 'run', '/dev/zero'],
    ]
    for (const args of wrong) {
      const { code, stdout, stderr } = await cli(args)
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' })
      expect(stderr).toMatch(/^ringferry: [^\n]+\n$/)
    }
  })

  it('ringferry --help has examples for every command', async () => {
    for (const name of ['', ...COMMANDS]) {
      const { code, stdout } = await cli([...name.split(' ').filter(Boolean), '--help'])
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`Examples:\\n  ringferry ${name}`))
      if (name !== '') expect(stdout).toContain('--json')
    }
  })

  it('ringferry --version prints the version of the package', async () => {
    const { code, stdout } = await cli(['--version'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('ringferry attach prints a recipe as commands and as JSON', async () => {
    const args = ['attach', '--print', 'uml', 'g1', '--socket', '/tmp/g1.sock']
    expect((await cli(args)).stdout).toContain('virtio_uml.device=/tmp/g1.sock:1')
    const { stdout } = await cli([...args, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ port: 'g1', kind: 'uml' })
  })

  it('ringferry up --dry-run shows the plan and opens nothing', async () => {
    const { code, stdout } = await cli([
      'up',
      '--vif',
      'g1=/nonexistent/g1.sock,vlan=7',
      '--dry-run',
      '--json',
    ])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      type: 'plan',
      engine: {},
      ports: [{ kind: 'vif', name: 'g1', socket: '/nonexistent/g1.sock', vlan: 7 }],
    })
  })

  it('ringferry doctor says what it found and which guests it would take', async () => {
    const { code, stdout } = await cli(['doctor'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok +node +\d+/m)
    expect(stdout).toMatch(/\nGuests of studies: (uml|qemu|netns|embedded) \(/)
  })

  it('ringferry doctor reports as JSON', async () => {
    const { code, stdout } = await cli(['doctor', '--json'])
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as { checks: { name: string; ok: boolean }[]; guests: { kind: string } }
    expect(report.checks.find(({ name }) => name === 'node')).toMatchObject({ ok: true })
    expect(['uml', 'qemu', 'netns', 'embedded']).toContain(report.guests.kind)
  })
})
