import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const { installPackages, missingPackages, whyNoPackages } = await import(
  new URL('../../tools/deb.mjs', import.meta.url).href
)

let folder = ''

/** Puts a shell script on an otherwise empty PATH. It may use the shell's own commands only. */
function plant(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), 0o755)
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-deb-'))
  vi.stubEnv('PATH', folder)
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

test('whyNoPackages gives the reason when a tool, root or x86-64 is missing', () => {
  vi.spyOn(process, 'getuid').mockReturnValue(0)
  plant('dpkg-query', '')
  expect(whyNoPackages()).toBe('this is not Debian (no dpkg-query or no apt-get)')
  plant('apt-get', '')
  const elsewhere = `the guests' packages are for x86-64, this machine is ${process.arch}`
  expect(whyNoPackages()).toBe(process.arch === 'x64' ? undefined : elsewhere)
  vi.spyOn(process, 'getuid').mockReturnValue(1000)
  expect(whyNoPackages()).toBe(process.arch === 'x64' ? 'not root' : elsewhere)
})

test('missingPackages names those that are unknown, removed or half installed', async () => {
  plant(
    'dpkg-query',
    'echo a installed; echo b config-files; echo c half-installed; echo no package d >&2; exit 1',
  )
  expect(await missingPackages(['a', 'b', 'c', 'd'])).toEqual(['b', 'c', 'd'])
})

test('installPackages updates, then installs without questions or recommended packages', async () => {
  plant('apt-get', `echo "$DEBIAN_FRONTEND $*" >> ${join(folder, 'log')}`)
  expect(await installPackages(['a', 'b'])).toBeUndefined()
  const [update, install] = readFileSync(join(folder, 'log'), 'utf8').split('\n')
  expect(update).toMatch(/^noninteractive .* update$/)
  expect(install).toMatch(/^noninteractive .* install -y --no-install-recommends a b$/)
})

test('installPackages succeeds when only the update fails, and returns what apt-get said when both do', async () => {
  plant('apt-get', 'case "$*" in *update) echo no archive >&2; exit 100;; esac')
  expect(await installPackages(['a'])).toBeUndefined()
  plant('apt-get', 'case "$*" in *update) echo no archive; exit 100;; *) echo no package; exit 100;; esac')
  expect(await installPackages(['a'])).toBe('no archive\nno package\n')
})
