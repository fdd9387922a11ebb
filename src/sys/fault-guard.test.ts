import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { GRANULE_BYTES } from '../core/layout.js'
import { LinearMemory } from '../core/linear-memory.js'
import { memoryAddress } from '../grants/memory-address.js'
import { canSurviveFaults, FaultGuard } from './fault-guard.js'
import { faultHandlerCode } from './fault-handler-code.js'
import { libc } from './libc.js'
import { createMemfd, mapShared } from './memory-map.js'
import { PAGE_BYTES } from './native-buffer.js'
import { closeFd } from './unix-socket.js'

const FILE_BYTES = GRANULE_BYTES

describe.skipIf(!canSurviveFaults())('FaultGuard', () => {
  const guards: FaultGuard[] = []
  afterEach(() => {
    for (const guard of guards.splice(0)) guard.close()
  })

  /** A guarded memory with a file mapped at an offset; then the file is cut to a number of bytes. */
  function cut(bytes: number, whole: boolean): { memory: LinearMemory; guard: FaultGuard; at: number } {
    const memory = new LinearMemory(32 * 2 ** 20)
    const guard = new FaultGuard(memory.u8, memory.granules)
    guards.push(guard)
    const at = whole ? memory.allocateGranules(1) : memory.allocate(FILE_BYTES)
    const fd = createMemfd('fault-guard-test', FILE_BYTES)
    mapShared(memoryAddress(memory) + at, FILE_BYTES, fd, 0)
    memory.u8.fill(7, at, at + FILE_BYTES)
    libc.ftruncate(fd, bytes)
    closeFd(fd)
    return { memory, guard, at }
  }

  it('FaultGuard gives zeros for single pages that are gone, and names them', () => {
    const { memory, guard, at } = cut(2 * PAGE_BYTES, false)
    expect(memory.u8[at + PAGE_BYTES]).toBe(7)
    expect(guard.counter[0]).toBe(0)
    expect(memory.u8[at + 2 * PAGE_BYTES + 5]).toBe(0)
    memory.u32[(at + 4 * PAGE_BYTES) >> 2] = 9
    expect(memory.u32[(at + 4 * PAGE_BYTES) >> 2]).toBe(9)
    expect(guard.counter[0]).toBe(2)
    expect(guard.take()).toEqual([at + 2 * PAGE_BYTES, at + 4 * PAGE_BYTES])
    expect(guard.take()).toEqual([])
  })

  it('FaultGuard replaces a granule as a whole when one guest has all of it', () => {
    const { memory, guard, at } = cut(PAGE_BYTES, true)
    expect(memory.u8[at + 100 * PAGE_BYTES]).toBe(0)
    for (let page = 0; page < FILE_BYTES / PAGE_BYTES; page++)
      expect(memory.u8[at + page * PAGE_BYTES]).toBe(0)
    expect(guard.counter[0]).toBe(1)
    expect(guard.take()).toEqual([at + 100 * PAGE_BYTES])
  })

  it('FaultGuard serves copies of whole ranges, and several memories at a time', () => {
    const [one, other] = [cut(0, false), cut(0, true)]
    one.memory.u8.copyWithin(one.at, one.at + PAGE_BYTES, one.at + 3 * PAGE_BYTES)
    other.memory.u8.fill(1, other.at + 8, other.at + 16)
    expect(one.guard.take().length).toBeGreaterThanOrEqual(3)
    expect(other.guard.take()).toEqual([other.at])
    guards.splice(guards.indexOf(one.guard), 1)
    one.guard.close()
    const later = cut(0, true)
    expect(later.memory.u8[later.at]).toBe(0)
    expect(other.memory.u8[other.at + 8]).toBe(1)
    expect(later.guard.counter[0]).toBe(1)
  })

  it('WebAssembly traps at its bounds as before while a guard is there', () => {
    cut(0, true)
    // (module (memory 1) (func (export "f") (param i32) (result i32) local.get 0 i32.load))
    const bytes = Uint8Array.from(
      Buffer.from(
        '0061736d0100000001060160017f017f030201000503010001070501016600000a0901070020002802000b',
        'hex',
      ),
    )
    const noImports = {} as { env: { memory: WebAssembly.Memory } }
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes), noImports).exports as {
      f: (at: number) => number
    }
    for (let round = 0; round < 1000; round++) expect(f(round)).toBe(0)
    expect(() => f(65536)).toThrow('memory access out of bounds')
  })

  it('FaultGuard leaves faults outside of its memories to the default action', () => {
    const module = (name: string): string => fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url))
    const program = `
      import { LinearMemory } from '${module('core/linear-memory')}'
      import { FaultGuard } from '${module('sys/fault-guard')}'
      import { NativeBuffer } from '${module('sys/native-buffer')}'
      import { createMemfd, mapShared } from '${module('sys/memory-map')}'
      import { libc } from '${module('sys/libc')}'
      const memory = new LinearMemory(32 * 2 ** 20)
      const guard = new FaultGuard(memory.u8, memory.granules)
      const foreign = new NativeBuffer(4096)
      const fd = createMemfd('foreign', 4096)
      mapShared(foreign.address, 4096, fd, 0)
      libc.ftruncate(fd, 0)
      foreign.bytes[0] = 1
      console.log('lived', guard.counter[0])`
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(ended.signal).toBe('SIGBUS')
    expect(ended.stdout).toBe('')
  })
})

describe('faultHandlerCode', () => {
  it('faultHandlerCode ends with the addresses of the table and of the handler before', () => {
    for (const arch of ['x64', 'arm64']) {
      const code = faultHandlerCode(arch, 0x1234_5678_9abc, 0x7fff_0000_1000) as Uint8Array
      const words = new DataView(code.buffer)
      expect(code.length % 8).toBe(0)
      expect(words.getBigUint64(code.length - 16, true)).toBe(0x1234_5678_9abcn)
      expect(words.getBigUint64(code.length - 8, true)).toBe(0x7fff_0000_1000n)
    }
    expect(faultHandlerCode('riscv64', 0, 0)).toBeUndefined()
  })
})
