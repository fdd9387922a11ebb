import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'ringferry-pack-'))
const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('npm pack', () => {
  it('npm pack builds a package that installs and runs when the clone was never built', () => {
    const clone = join(folder, 'clone')
    mkdirSync(clone)
    // The files of the working tree, without node_modules and dist.
    run(
      'sh',
      ['-c', `git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t ${clone}`],
      ROOT,
    )
    const [packed] = JSON.parse(run('npm', ['pack', '--json'], clone)) as [
      { filename: string; files: { path: string }[] },
    ]
    const paths = packed.files.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['dist/cli/main.js', 'dist/plane.wasm', 'dist/index.d.ts'],
        ...['index.html', 'main.js', 'style.css', 'icon.svg'].map((file) => `dist/dashboard/${file}`),
      ]),
    )
    expect(paths.filter((path) => path.includes('.test.'))).toEqual([])
    const prefix = join(folder, 'prefix')
    run('npm', ['install', '--global', '--prefix', prefix, join(clone, packed.filename)], folder)
    const ringferry = join(prefix, 'bin/ringferry')
    expect(run(ringferry, ['--version'], folder)).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(run(ringferry, ['lab', 'list'], folder)).toContain('seed')
    expect(run(ringferry, ['up', '--dry-run', '--vif', 'g1=/tmp/g1.sock'], folder)).toContain('g1')
  })
})
