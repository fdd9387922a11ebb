import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'

/** The hypervisor, its toolstack and the libraries of both, as Debian 12 names them. */
const PACKAGES = [
  'xen-hypervisor-4.17-amd64',
  'xen-utils-4.17',
  'xen-utils-common',
  'xenstore-utils',
  'libxenmisc4.17',
  'libxencall1',
  'libxendevicemodel1',
  'libxenevtchn1',
  'libxenforeignmemory1',
  'libxengnttab1',
  'libxenhypfs1',
  'libxenstore4',
  'libxentoolcore1',
  'libxentoollog1',
  'libyajl2',
]
const STAMP = 'packages.json'
const DOWNLOAD_MS = 180_000
const UNPACK_MS = 60_000

const run = promisify(execFile)

/**
 * The folder below which Xen's files lie as on an installed system ("boot", "etc", "usr"). They are downloaded from the
 * system's archive and unpacked into the user's cache the first time; nothing is installed.
 * Throws NOT_FOUND with one line of what to do.
 * @param progress told before they are downloaded
 */
export async function xenRoot(progress: (text: string) => void = () => {}): Promise<string> {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = join(base, 'ringferry', 'xen')
  const root = join(folder, 'root')
  if (existsSync(join(root, STAMP))) return root
  progress("downloading Xen's packages; nothing is installed")
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'fetch-'))
  try {
    await download(work)
    const unpacked = join(work, 'root')
    mkdirSync(unpacked)
    const archives = readdirSync(work).filter((name) => name.endsWith('.deb'))
    for (const name of archives)
      await run('dpkg-deb', ['-x', join(work, name), unpacked], { timeout: UNPACK_MS })
    writeFileSync(join(unpacked, STAMP), `${JSON.stringify(archives.sort(), null, 2)}\n`)
    // Another process may have been quicker, and runs from there.
    if (existsSync(join(root, STAMP))) return root
    rmSync(root, { recursive: true, force: true })
    renameSync(unpacked, root)
    return root
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Why apt-get failed: its first error, else its first warning, which says little; undefined when it printed neither. */
export function aptReason(stderr: string): string | undefined {
  const lines = stderr.split('\n')
  const first = (kind: string): string | undefined =>
    lines.find((text) => text.startsWith(kind))?.slice(kind.length)
  return first('E: ') ?? first('W: ')
}

async function download(cwd: string): Promise<void> {
  const fetch = () => run('apt-get', ['download', '-q', ...PACKAGES], { cwd, timeout: DOWNLOAD_MS })
  try {
    await fetch()
  } catch {
    // The lists may be old, or missing.
    await run('apt-get', ['update', '-q'], { timeout: DOWNLOAD_MS }).catch(() => {})
    await fetch().catch((error: Error & { stderr?: string }) => {
      const line = aptReason(error.stderr ?? '')
      throw new RingferryError(
        'NOT_FOUND',
        `Xen's packages cannot be downloaded: ${line ?? error.message}; Debian 12, its archive and "apt-get update" are needed`,
      )
    })
  }
}
