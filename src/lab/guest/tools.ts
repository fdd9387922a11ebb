import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Folders searched after those of PATH: an ordinary user's PATH often lacks them. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']

/** The folder in which fetched guest packages are unpacked, whether it exists or not. */
export function guestCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache')
  return join(base, 'ringferry', 'guest')
}

/** The root of the fetched packages ("usr", "bin", "lib" are below it); undefined when nothing was fetched. */
export function fetchedRoot(): string | undefined {
  const root = join(guestCacheFolder(), 'root')
  return existsSync(join(root, 'usr')) ? root : undefined
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export interface Tool {
  readonly path: string
  /** It lies in the fetched packages and may need libraries from there. */
  readonly fetched: boolean
}

/** An installed program by its name; undefined when there is none. */
export function findInstalled(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

/** A program by its name: installed, else fetched, else undefined. */
export function findTool(name: string): Tool | undefined {
  const installed = findInstalled(name)
  if (installed) return { path: installed, fetched: false }
  const root = fetchedRoot()
  const path = root && PROGRAM_FOLDERS.map((folder) => join(root, folder, name)).find(isExecutable)
  return path ? { path, fetched: true } : undefined
}

/** Folders of programs below a root, as in PATH. */
export const PROGRAM_FOLDERS = ['usr/sbin', 'usr/bin', 'sbin', 'bin'] as const

/** Folders of shared libraries below the root of unpacked packages, the architecture's own among them. */
export function libraryFolders(root: string): string[] {
  return ['usr/lib', 'lib']
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [
      ...readdirSync(folder)
        .filter((name) => name.endsWith('-linux-gnu'))
        .map((name) => join(folder, name)),
      folder,
    ])
}

/** Environment with which a fetched program finds its libraries on this host. */
export function toolEnvironment(tool: Tool): NodeJS.ProcessEnv {
  const root = fetchedRoot()
  if (!tool.fetched || !root) return process.env
  return { ...process.env, LD_LIBRARY_PATH: libraryFolders(root).join(':') }
}

/** Environment in which the commands of an agent on this host find fetched programs after the host's own. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const root = fetchedRoot()
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
  if (!root) return { ...process.env, PATH: path }
  return {
    ...process.env,
    PATH: [path, ...PROGRAM_FOLDERS.map((folder) => `${root}/${folder}`)].join(':'),
    ...(findTool('iperf3')?.fetched ? { LD_LIBRARY_PATH: libraryFolders(root).join(':') } : {}),
  }
}

/** The folder of User-Mode Linux's modules (it holds one folder per kernel version), installed or fetched. */
export function umlModulesFolder(): string | undefined {
  const root = fetchedRoot()
  return ['/usr/lib/uml/modules', ...(root ? [join(root, 'usr/lib/uml/modules')] : [])].find((folder) =>
    existsSync(folder),
  )
}
