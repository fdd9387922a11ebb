import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { aptOptions } from './fetch.js'
import { parseStat, processStat, totalCpuSeconds } from './processes.js'
import { parseLdd } from './program-files.js'
import { guestCacheFolder } from './tools.js'
import { umlMemoryFolder } from './uml.js'

describe('parseStat', () => {
  it('parseStat reads a process when its name has blanks and brackets', () => {
    const text = '42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 1 0 100 1 1\n'
    expect(parseStat(text)).toEqual({ pid: 42, state: 'S', parent: 7, session: 41, cpuSeconds: 3 })
  })

  it('parseStat returns undefined when the text is no stat line', () => {
    for (const text of ['', '42 (x', '42 (x) S 1']) expect(parseStat(text)).toBeUndefined()
  })

  it('processStat finds this process and nothing for an id that cannot be', () => {
    expect(processStat(process.pid)?.parent).toBe(process.ppid)
    expect(processStat(0)).toBeUndefined()
    expect(totalCpuSeconds([processStat(process.pid)!])).toBeGreaterThan(0)
  })
})

describe('parseLdd', () => {
  it('parseLdd names libraries and the loader, not the virtual one', () => {
    const text = [
      '\tlinux-vdso.so.1 (0x00007ffd)',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)',
      '\tlibnone.so => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f)',
    ]
    expect(parseLdd(text.join('\n'))).toEqual([
      '/lib/x86_64-linux-gnu/libm.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ])
    expect(parseLdd('\tnot a dynamic executable\n')).toEqual([])
  })
})

describe('umlMemoryFolder', () => {
  const mounts = (options: string) => `tmpfs /dev/shm tmpfs ${options} 0 0\n`

  it('umlMemoryFolder is /dev/shm when code may run there and the memory fits', () => {
    expect(umlMemoryFolder(mounts('rw,nosuid'), 1 << 30, 256)).toBe('/dev/shm')
  })

  it('umlMemoryFolder is the temporary folder when /dev/shm is small, noexec or absent', () => {
    expect(umlMemoryFolder(mounts('rw,nosuid'), 64 << 20, 256)).toBe(tmpdir())
    expect(umlMemoryFolder(mounts('rw,noexec'), 1 << 30, 256)).toBe(tmpdir())
    expect(umlMemoryFolder('', 1 << 30, 256)).toBe(tmpdir())
  })
})

describe('guestCacheFolder', () => {
  it('guestCacheFolder follows XDG_CACHE_HOME, else HOME', () => {
    expect(guestCacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/ringferry/guest')
    expect(guestCacheFolder({ XDG_CACHE_HOME: '', HOME: '/h' })).toBe('/h/.cache/ringferry/guest')
  })
})

describe('aptOptions', () => {
  it('aptOptions keeps all that apt-get writes below the folder', () => {
    const written = aptOptions('/f').filter((option) => option.startsWith('Dir::'))
    expect(written.filter((option) => !option.includes('=/f/'))).toEqual([
      'Dir::State::status=/var/lib/dpkg/status',
    ])
  })
})
