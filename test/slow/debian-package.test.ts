/** The Debian package: made of what is built, unpacked, and run from where it was unpacked. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const hasDpkg = spawnSync('dpkg-deb', ['--version']).error === undefined
if (!hasDpkg) console.log('dpkg-deb is not installed: no package is made')

const folder = mkdtempSync(join(tmpdir(), 'ringferry-package-'))
const target = join(folder, 'root')
const at = (path: string): string => join(target, path)
let deb = ''
const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', cwd: '/' })
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}

beforeAll(async () => {
  if (!hasDpkg) return
  const { makePackage } = await import(new URL('../../tools/debian-package.mjs', import.meta.url).href)
  deb = await makePackage(folder, 'gzip')
  run('dpkg-deb', '--extract', deb, target)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.runIf(hasDpkg)('the Debian package', () => {
  it('says what it is and needs, and keeps what an operator wrote', () => {
    const field = (name: string): string => run('dpkg-deb', '--field', deb, name).trim()
    expect([field('Package'), field('Version')]).toEqual(['ringferry', version])
    expect(deb).toMatch(/ringferry_[\d.]+_(amd64|arm64)\.deb$/)
    expect(field('Depends')).toContain('nodejs (>= 20)')
    expect(run('dpkg-deb', '--info', deb, 'conffiles')).toBe('/etc/ringferry/ringferry.yaml\n')
  })

  it('has files of root alone, and none that others may write', () => {
    const lines = run('dpkg-deb', '--contents', deb).trimEnd().split('\n')
    expect(lines.filter((line) => !/^([-d]rw[-x]r-[-x]r-[-x]|lrwxrwxrwx) root\/root /.test(line))).toEqual([])
  })

  it('has scripts that a shell takes', () => {
    for (const name of ['postinst', 'prerm', 'postrm'])
      execFileSync('sh', ['-n'], { input: run('dpkg-deb', '--info', deb, name) })
  })

  it('holds a program that runs from there, with manual, completion and units', () => {
    expect(run(at('usr/bin/ringferry'), '--version').trim()).toBe(version)
    expect(run(at('usr/bin/ringferry'), 'lab', 'list')).toContain('seed')
    const plan = run(
      at('usr/bin/ringferry'),
      'up',
      '--dry-run',
      '--config',
      at('etc/ringferry/ringferry.yaml'),
    )
    expect(plan).toContain('g1')
    expect(run('gzip', '-dc', at('usr/share/man/man1/ringferry-up.1.gz'))).toContain('.TH RINGFERRY-UP 1')
    execFileSync('bash', ['-n', at('usr/share/bash-completion/completions/ringferry')])
    const unit = readFileSync(at('usr/lib/systemd/system/ringferry.service'), 'utf8')
    expect(unit).toContain('ExecStart=/usr/bin/ringferry up --config /etc/ringferry/ringferry.yaml')
    expect(readFileSync(at('usr/lib/sysusers.d/ringferry.conf'), 'utf8')).toMatch(/^u ringferry /)
  })

  it('holds a switch that starts and answers', async () => {
    const control = join(folder, 'control.sock')
    const program = at('usr/bin/ringferry')
    const words = ['up', '--vif', `g1=${join(folder, 'g1.sock')}`, '--control', control]
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    let output = ''
    for await (const chunk of child.stdout) {
      output += chunk
      if (output.includes('the switch runs')) break
    }
    expect(run(program, 'status', '--control', control)).toContain(version)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
