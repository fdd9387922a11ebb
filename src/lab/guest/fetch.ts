/**
 * Real guest kernels without installing anything: the packages of User-Mode Linux and iperf3, with the
 * libraries that this host lacks, are downloaded from the system's own archive and unpacked into the user's
 * cache. apt-get does the resolving, the downloading and the checking of signatures, on lists and state of
 * its own, so that it needs no root, no lists on the system and changes nothing there.
 */
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import { onExit } from './child.js'
import { findInstalled, guestCacheFolder } from './tools.js'

/** Packages fetched, and the program by which one that is installed already is known. */
const PACKAGES: Readonly<Record<string, string>> = {
  'user-mode-linux': 'linux.uml',
  iperf3: 'iperf3',
  'busybox-static': 'busybox',
  ethtool: 'ethtool',
}
const STAMP = 'ringferry-packages.json'
/** Of dpkg-deb --showformat. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the braces are dpkg's
const FORMAT = '--showformat=${Package} ${Version}'
const UPDATE_MS = 180_000
const DOWNLOAD_MS = 300_000
const UNPACK_MS = 60_000

export interface FetchOptions {
  /** Told what is being done, one short line at a time. */
  readonly onProgress?: (line: string) => void
  /** Fetches also what is installed on this host. */
  readonly evenIfInstalled?: boolean
  /** Ends the work early, with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined
}

export interface FetchResult {
  /** Below it lie usr, bin, lib of the packages. */
  readonly root: string
  /** Versions by package, libraries among them; empty when the host has everything installed. */
  readonly packages: Readonly<Record<string, string>>
  /** false: they were there before, or nothing is needed. */
  readonly fetched: boolean
}

const run = promisify(execFile)

/** What was fetched before; undefined when nothing was. */
export function fetchedPackages(folder = guestCacheFolder()): Record<string, string> | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'root', STAMP), 'utf8')) as Record<string, string>
  } catch {
    return undefined
  }
}

/** Options that give apt-get state of its own below a folder; sources and keys stay the system's. */
export function aptOptions(folder: string): string[] {
  const settings = [
    `Dir::State=${folder}/state`,
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Cache::archives=${folder}/archives`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Log=${folder}/log`,
    // The folder is the user's: apt's own unprivileged user could not write to it.
    'APT::Sandbox::User=',
    'Debug::NoLocking=1',
    'Acquire::Languages=none',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ]
  return settings.flatMap((setting) => ['-o', setting])
}

/**
 * Downloads and unpacks what guests need and this host lacks. Does nothing when that is there already.
 * Throws NOT_FOUND when there is no apt-get or the archive cannot be reached; the cache is then as before.
 */
export async function fetchGuestPackages(options: FetchOptions = {}): Promise<FetchResult> {
  const folder = guestCacheFolder()
  const root = join(folder, 'root')
  const wanted = Object.entries(PACKAGES)
    .filter(([, program]) => options.evenIfInstalled || findInstalled(program) === undefined)
    .map(([name]) => name)
  const before = fetchedPackages(folder)
  if (wanted.every((name) => before?.[name] !== undefined))
    return { root, packages: before ?? {}, fetched: false }
  const aptGet = findInstalled('apt-get')
  const dpkgDeb = findInstalled('dpkg-deb')
  if (!aptGet || !dpkgDeb)
    throw new RingferryError(
      'NOT_FOUND',
      'guest packages are fetched with apt-get, which this system lacks; install User-Mode Linux and iperf3 by its own means, or use embedded guests',
    )
  let work: string
  try {
    mkdirSync(folder, { recursive: true })
    work = mkdtempSync(join(folder, 'fetch-'))
  } catch (error) {
    throw new RingferryError(
      'PERMISSION',
      `${folder}: cannot be written; set XDG_CACHE_HOME to a folder of yours`,
      {
        cause: error,
      },
    )
  }
  const forget = onExit(() => rmSync(work, { recursive: true, force: true }))
  try {
    const archives = await download(aptGet, work, wanted, options)
    const packages = await unpack(dpkgDeb, archives, join(work, 'root'), options)
    writeFileSync(join(work, 'root', STAMP), `${JSON.stringify(packages, null, 2)}\n`)
    replace(root, work)
    return { root, packages, fetched: true }
  } finally {
    forget()
    rmSync(work, { recursive: true, force: true })
  }
}

function cancel({ signal }: FetchOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}

function checkInterrupted({ signal }: FetchOptions): void {
  if (signal?.aborted) throw new RingferryError('INTERRUPTED', 'fetching guest packages was interrupted')
}

async function download(
  aptGet: string,
  work: string,
  wanted: readonly string[],
  options: FetchOptions,
): Promise<string[]> {
  const apt = join(work, 'apt')
  for (const name of ['state', 'lists/partial', 'cache', 'archives/partial', 'log'])
    mkdirSync(join(apt, name), { recursive: true })
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const limits = { env, maxBuffer: 16 << 20, ...cancel(options) }
  options.onProgress?.('reading the package lists of the archive')
  // A source that cannot be reached need not be one that is needed: the next step shows.
  const update = await run(aptGet, [...aptOptions(apt), 'update', '-q'], {
    ...limits,
    timeout: UPDATE_MS,
  }).catch((error: Error & { stderr?: string }) => ({ stderr: error.stderr ?? error.message }))
  checkInterrupted(options)
  options.onProgress?.(`downloading ${wanted.join(', ')}`)
  const install = ['install', '-y', '-q', '--download-only', '--no-install-recommends', '--reinstall']
  const outcome = await run(aptGet, [...aptOptions(apt), ...install, ...wanted], {
    ...limits,
    timeout: DOWNLOAD_MS,
  }).catch((error: Error & { stderr?: string }) => ({ stderr: error.stderr ?? error.message }))
  checkInterrupted(options)
  const archives = readdirSync(join(apt, 'archives')).filter((name) => name.endsWith('.deb'))
  const lacking = wanted.filter((name) => !archives.some((file) => file.startsWith(`${name}_`)))
  if (lacking.length > 0) {
    const words = `${outcome.stderr}\n${update.stderr}`.split('\n')
    const line = words.find((text) => /^[EW]: /.test(text))?.slice(3) ?? 'no answer in time'
    throw new RingferryError(
      'NOT_FOUND',
      `the packages ${lacking.join(', ')} cannot be fetched: ${line}; check the network and /etc/apt, or use embedded guests`,
    )
  }
  return archives.map((name) => join(apt, 'archives', name))
}

async function unpack(
  dpkgDeb: string,
  archives: readonly string[],
  root: string,
  options: FetchOptions,
): Promise<Record<string, string>> {
  const packages: Record<string, string> = {}
  mkdirSync(root)
  for (const archive of archives) {
    checkInterrupted(options)
    const { stdout } = await run(dpkgDeb, ['-W', FORMAT, archive], {
      timeout: UNPACK_MS,
    })
    const [name = '', version = ''] = stdout.trim().split(' ')
    options.onProgress?.(`unpacking ${name} ${version}`)
    await run(dpkgDeb, ['-x', archive, root], { timeout: UNPACK_MS })
    packages[name] = version
  }
  return packages
}

/** Puts the new root in place of the old one; whoever looks sees the one or the other whole. */
function replace(root: string, work: string): void {
  if (existsSync(root)) renameSync(root, join(work, 'old'))
  renameSync(join(work, 'root'), root)
}
