import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aptOptions } from '../../src/lab/guest/fetch.js'
import { findInstalled } from '../../src/lab/guest/tools.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NOBODY = 65534

/** Why the archive cannot be used; undefined when it can. */
function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'root is needed to become an unprivileged user'
  if (!findInstalled('apt-get')) return 'apt-get is missing'
  const folder = mkdtempSync(join(tmpdir(), 'rft-apt-'))
  try {
    for (const name of ['state', 'lists/partial', 'cache', 'archives/partial'])
      mkdirSync(join(folder, name), { recursive: true })
    const apt = (...args: string[]) =>
      spawnSync('apt-get', [...aptOptions(folder), ...args], { timeout: 120_000 })
    apt('update')
    const { status } = apt('install', '--print-uris', '--reinstall', 'user-mode-linux')
    return status === 0 ? undefined : "Debian's archive cannot be reached or lacks user-mode-linux"
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const reason = obstacle()
if (reason) console.log(`skipped: ${reason}`)

describe.skipIf(reason)('fetchGuestPackages as an unprivileged user on a machine without guests', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rft-fetch-'))
    chmodSync(folder, 0o755)
    for (const name of ['home', 'dist']) mkdirSync(join(folder, name))
    chownSync(join(folder, 'home'), NOBODY, NOBODY)
    copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    spawnSync(tsc, ['-p', join(ROOT, 'tsconfig.json'), '--outDir', join(folder, 'dist')], {
      stdio: 'inherit',
    })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs a program text as nobody; what of the packages is installed here is hidden from it. */
  function asNobody(text: string, environment: Record<string, string> = {}) {
    const hide = [
      'for f in linux.uml iperf3; do [ ! -e /usr/bin/$f ] || mount --bind /dev/null /usr/bin/$f || exit 90; done',
      '[ ! -d /usr/lib/uml ] || mount -t tmpfs tmpfs /usr/lib/uml || exit 91',
      `exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$@"`,
    ].join('\n')
    const module = (name: string) => `${folder}/dist/lab/guest/${name}.js`
    const script = `
      import { fetchGuestPackages } from '${module('fetch')}'
      import { bootGuest } from '${module('guest')}'
      import { findTool } from '${module('tools')}'
      ${text}`
    const node = [process.execPath, '--input-type=module', '-e', script]
    return spawnSync('unshare', ['--mount', 'sh', '-c', hide, 'sh', ...node], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 170_000,
      env: { PATH: process.env.PATH, HOME: join(folder, 'home'), TMPDIR: tmpdir(), ...environment },
    })
  }

  it('fetchGuestPackages downloads once, and a guest boots from what it fetched', () => {
    const { stdout, stderr, status } = asNobody(`
      const before = findTool('linux.uml') ?? null
      const first = await fetchGuestPackages()
      const again = await fetchGuestPackages()
      const guest = await bootGuest({ name: 'fetched', kind: 'uml' })
      const { stdout } = await guest.run('id -u; command -v iperf3; iperf3 --version | head -1; lsmod')
      await guest.stop()
      console.log(JSON.stringify({ before, first, again, stdout }))`)
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const said = JSON.parse(stdout)
    expect(said.before).toBeNull()
    expect(said.first.fetched).toBe(true)
    expect(Object.keys(said.first.packages)).toEqual(expect.arrayContaining(['user-mode-linux', 'iperf3']))
    expect(said.again).toEqual({ ...said.first, fetched: false })
    expect(said.stdout).toMatch(/^0\n\/run\/fetched\/usr\/bin\/iperf3\niperf 3\.\d+[^\n]*\n/)
    expect(said.stdout).toMatch(/^virtio_net /m)
  })

  it('fetchGuestPackages says in one line what is wrong when no source has the packages', () => {
    const { stdout } = asNobody(
      `await fetchGuestPackages().catch((error) => console.log(JSON.stringify([error.code, error.message])))`,
      { XDG_CACHE_HOME: join(folder, 'home/other'), http_proxy: 'http://127.0.0.1:9' },
    )
    const [code, message] = JSON.parse(stdout)
    expect(code).toBe('NOT_FOUND')
    expect(message).toMatch(/^the packages .*user-mode-linux.* cannot be fetched: .*embedded guests$/)
  })

  it('fetchGuestPackages names the folder when it cannot be written', () => {
    const { stdout } = asNobody(
      `await fetchGuestPackages().catch((error) => console.log(error.code, error.message))`,
      { XDG_CACHE_HOME: '/usr/nowhere' },
    )
    expect(stdout).toMatch(/^PERMISSION \/usr\/nowhere\/ringferry\/guest: cannot be written/)
  })
})
