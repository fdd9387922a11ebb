/**
 * Programs that are too large for a guest's first root: Node, web server and clients. They lie on a read-only
 * disk, one for all guests of this process; the first root has links to them. What a guest does not read takes no memory
 * of it, and what it read it can forget again.
 *
 *     first root                      disk, mounted at /programs
 *     /usr/bin/node        ------>    /usr/bin/node
 *     /lib/.../libz.so.1   ------>    /lib/.../libz.so.1
 */
import { execFile } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import { makeWorkFolder, removeWorkFolder } from './child.js'
import type { ArchiveEntry } from './initramfs.js'
import { type ProgramFile, programFiles } from './program-files.js'
import { findTool } from './tools.js'

/** Where a guest mounts the disk. */
export const DISK_FOLDER = '/programs'
/** Node in a guest with the disk. */
export const DISK_NODE = '/usr/bin/node'
/** Programs of the host besides Node, when there are any. */
const PROGRAMS = ['nginx', 'wrk', 'sockperf']
/** Modules that read the disk, each after those it needs. What a kernel has built in has no file. */
export const DISK_MODULES: readonly string[] = 'virtio_blk crc16 crc32c_generic mbcache jbd2 ext4'.split(' ')
const MAKER = 'mke2fs'
const BLOCK_BYTES = 4096
/** Of the file system itself: tables and folders; twice what it takes. */
const SPARE_BLOCKS = 2048
const LIMIT_MS = 60_000

export interface ProgramDisk {
  /** Of the image, open as long as this process lives; it has no name. */
  readonly fd: number
  /** What the first root needs. */
  readonly entries: readonly ArchiveEntry[]
}

const run = promisify(execFile)
let made: Promise<ProgramDisk> | undefined

/** The disk, made at the first call. Throws NOT_FOUND (what makes it is missing), SYSCALL. */
export function programDisk(): Promise<ProgramDisk> {
  made ??= makeDisk()
  made.catch(() => {
    made = undefined
  })
  return made
}

/** All files of the host that go there, once each. */
function diskFiles(): ProgramFile[] {
  const node = programFiles('node', { path: process.execPath, fetched: false })
  const others = PROGRAMS.flatMap((name) => {
    const tool = findTool(name)
    return tool ? programFiles(name, tool) : []
  })
  return [...new Map([...node, ...others].map((file) => [file.path, file])).values()]
}

async function makeDisk(): Promise<ProgramDisk> {
  const maker = findTool(MAKER)
  if (!maker)
    throw new RingferryError(
      'NOT_FOUND',
      `${MAKER} is missing, which makes the disk with Node for a qemu guest; run "apt-get install e2fsprogs"`,
    )
  const files = diskFiles()
  const folder = makeWorkFolder('programs')
  try {
    const [root, image] = [join(folder, 'root'), join(folder, 'image')]
    let blocks = SPARE_BLOCKS
    for (const { source, path } of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      copyFileSync(source, join(root, path))
      blocks += Math.ceil(statSync(source).size / BLOCK_BYTES)
    }
    await makeImage(maker.path, root, image, blocks)
    return {
      fd: openSync(image, 'r'),
      entries: files.map(({ path }) => ({ type: 'link', path, target: `${DISK_FOLDER}${path}` })),
    }
  } finally {
    removeWorkFolder(folder)
  }
}

/** No journal and no checksums: nobody writes to it, and every kernel reads it. */
async function makeImage(maker: string, root: string, image: string, blocks: number): Promise<void> {
  const form = ['-q', '-F', '-t', 'ext2', '-b', String(BLOCK_BYTES), '-m', '0', '-d', root]
  closeSync(openSync(image, 'w', 0o600))
  try {
    await run(maker, [...form, image, String(blocks)], { timeout: LIMIT_MS })
  } catch (error) {
    const words = String((error as { stderr?: string }).stderr || error).trim()
    throw new RingferryError('SYSCALL', `${MAKER}: ${words.replaceAll('\n', ' | ')}`, { cause: error })
  }
}
