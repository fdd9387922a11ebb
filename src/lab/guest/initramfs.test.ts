import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { cpioArchive, initramfs } from './initramfs.js'
import { findInstalled } from './tools.js'

/** Reads a newc archive: path to [mode, content]. */
function readArchive(bytes: Buffer): Map<string, [number, string]> {
  const files = new Map<string, [number, string]>()
  let at = 0
  for (;;) {
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    expect(bytes.toString('latin1', at, at + 6)).toBe('070701')
    const [mode, size, nameSize] = [field(1), field(6), field(11)]
    const path = bytes.toString('utf8', at + 110, at + 110 + nameSize - 1)
    at = (at + 110 + nameSize + 3) & ~3
    if (path === 'TRAILER!!!') return files
    files.set(path, [mode, bytes.toString('utf8', at, at + size)])
    at = (at + size + 3) & ~3
  }
}

const ENTRIES = [
  { type: 'file', path: '/usr/bin/tool', content: Buffer.from('12345'), executable: true },
  { type: 'file', path: 'usr/bin/data', content: Buffer.from('') },
  { type: 'link', path: 'bin', target: 'usr/bin' },
  { type: 'file', path: '/usr/bin/tool', content: Buffer.from('again') },
] as const

describe('cpioArchive', () => {
  it('cpioArchive puts folders before what is in them and keeps the first of two', () => {
    const files = readArchive(cpioArchive(ENTRIES))
    expect([...files]).toEqual([
      ['usr', [0o040755, '']],
      ['usr/bin', [0o040755, '']],
      ['usr/bin/tool', [0o100755, '12345']],
      ['usr/bin/data', [0o100644, '']],
      ['bin', [0o120777, 'usr/bin']],
    ])
  })

  it('initramfs is the archive when it is decompressed', () => {
    expect(gunzipSync(initramfs(ENTRIES))).toEqual(cpioArchive(ENTRIES))
  })

  it.runIf(findInstalled('busybox'))('cpioArchive is unpacked by busybox cpio', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-cpio-'))
    try {
      const input = cpioArchive(ENTRIES)
      execFileSync('busybox', ['cpio', '-i'], { cwd: folder, input, stdio: ['pipe', 'ignore', 'ignore'] })
      expect(readFileSync(join(folder, 'usr/bin/tool'), 'utf8')).toBe('12345')
      expect(readlinkSync(join(folder, 'bin'))).toBe('usr/bin')
      expect(statSync(join(folder, 'usr/bin/tool')).mode & 0o777).toBe(0o755)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
