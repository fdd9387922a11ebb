import { gzipSync } from 'node:zlib'

export type ArchiveEntry =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file'
      readonly path: string
      readonly content: Uint8Array
      readonly executable?: boolean
    }

const FOLDER_MODE = 0o040755
const LINK_MODE = 0o120777
const FILE_MODE = 0o100644
const PROGRAM_MODE = 0o100755
const TRAILER = 'TRAILER!!!'

function record(inode: number, path: string, mode: number, content: Uint8Array): Buffer {
  const name = Buffer.from(`${path}\0`)
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  const nameEnd = padded(header.length + name.length)
  const bytes = Buffer.alloc(nameEnd + padded(content.length))
  header.copy(bytes)
  name.copy(bytes, header.length)
  bytes.set(content, nameEnd)
  return bytes
}

function padded(length: number): number {
  return (length + 3) & ~3
}

function entryRecord(entry: ArchiveEntry, inode: number): Buffer {
  const path = entry.path.replace(/^\/+/, '')
  switch (entry.type) {
    case 'folder':
      return record(inode, path, FOLDER_MODE, new Uint8Array(0))
    case 'link':
      return record(inode, path, LINK_MODE, Buffer.from(entry.target))
    case 'file':
      return record(inode, path, entry.executable ? PROGRAM_MODE : FILE_MODE, entry.content)
  }
}

/**
 * A cpio archive in the "newc" form that the kernel unpacks into its first root. Folders that paths need are
 * added before them; an entry given twice counts once.
 * Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
export function cpioArchive(entries: readonly ArchiveEntry[]): Buffer {
  const known = new Set<string>()
  const parts: Buffer[] = []
  const add = (entry: ArchiveEntry) => {
    const path = entry.path.replace(/^\/+/, '')
    if (known.has(path)) return
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (parent) add({ type: 'folder', path: parent })
    known.add(path)
    parts.push(entryRecord(entry, known.size))
  }
  for (const entry of entries) add(entry)
  parts.push(record(0, TRAILER, 0, new Uint8Array(0)))
  return Buffer.concat(parts)
}

/** The archive compressed as the kernel takes it. Speed before size: it is made for one boot. */
export function initramfs(entries: readonly ArchiveEntry[]): Buffer {
  return gzipSync(cpioArchive(entries), { level: 1 })
}
