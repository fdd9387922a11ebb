import { describe, expect, test } from 'vitest'
import { GuestMemory } from './guest-memory.js'

describe('GuestMemory', () => {
  test('offsetOf finds both regions and the hole between them', () => {
    const memory = new GuestMemory([
      { guestAddress: 4096, sizeBytes: 8192 },
      { guestAddress: 2 ** 32, sizeBytes: 4096 },
    ])
    expect(
      [0, 4096, 12287, 12288, 2 ** 32, 2 ** 32 + 4095, 2 ** 32 + 4096].map((gpa) => memory.offsetOf(gpa)),
    ).toEqual([-1, 0, 8191, -1, 8192, 12287, -1])
    expect(memory.userAddressOf(2 ** 32)).toBe(memory.regions[1]!.userAddress)
    expect(() => memory.userAddressOf(0)).toThrow(RangeError)
    expect([memory.allocate(8192), memory.allocate(8, 64), memory.allocate(8, 64)]).toEqual([
      4096,
      2 ** 32,
      2 ** 32 + 64,
    ])
    expect(() => memory.allocate(4096)).toThrow(/no room/)
    memory.close()
  })

  test('two mappings of one file see the same bytes', () => {
    const memory = new GuestMemory(8192)
    const { fd } = memory.regions[0]!
    const other = new GuestMemory([{ guestAddress: 0, sizeBytes: 4096, fd, fileOffset: 4096 }])
    memory.u32[1024] = 0xdecafbad
    expect(other.u32[0]).toBe(0xdecafbad)
    other.u16[1] = 7
    expect(memory.u32[1024]).toBe(0x0007fbad)
    other.close()
    memory.close()
  })
})
