import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Chain, PlainDevice } from '../../test/model/split-device.js'
import { GuestMemory } from './guest-memory.js'
import { SplitRing } from './split-ring.js'

function makeRing(
  size: number,
  options = {},
  start = 0,
): { ring: SplitRing; device: PlainDevice; at: number } {
  const memory = new GuestMemory(1 << 20)
  const ring = new SplitRing(memory, size, options)
  ring.resetIndices(start)
  return { ring, device: new PlainDevice(ring), at: memory.allocate(65536) }
}

describe('SplitRing (virtio 1.3, 2.7)', () => {
  test('every chain arrives as added, across the wrap of the u16 indices, in any order of completion', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 8, 64),
        fc.integer({ min: 0xff00, max: 0xffff }),
        fc.array(
          fc.record({
            lengths: fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 1, maxLength: 5 }),
            writable: fc.nat(5),
            indirect: fc.boolean(),
            complete: fc.nat(3),
          }),
          { maxLength: 300 },
        ),
        (size, start, steps) => {
          const { ring, device, at } = makeRing(size, { indirectEntries: 8 }, start)
          const held: Chain[] = []
          for (const { lengths, writable, indirect, complete } of steps) {
            const flat = lengths.flatMap((length, i) => [at + i * 4096, length])
            const split = Math.min(writable, lengths.length) * 2
            const free = ring.freeCount
            const head = ring.add(flat.slice(split), flat.slice(0, split), indirect)
            const needed = indirect ? 1 : lengths.length
            expect(head >= 0).toBe(needed <= free)
            expect(ring.freeCount).toBe(head >= 0 ? free - needed : free)
            ring.publish()
            const chain = device.take()
            if (head >= 0) {
              expect(chain).toMatchObject({
                head,
                indirect,
                readable: flat.slice(split),
                writable: flat.slice(0, split),
              })
              held.push(chain!)
            } else expect(chain).toBeUndefined()
            for (let i = 0; i < complete && held.length > 0; i++) {
              const [done] = held.splice(i % held.length, 1)
              device.complete([done!.head, i])
              expect(ring.takeUsed()).toBe(done!.head)
              expect(ring.usedLength).toBe(i)
              ring.release(done!.head)
            }
            expect(ring.takeUsed()).toBe(-1)
          }
          for (const chain of held) device.complete([chain.head, 0])
          for (const chain of held) {
            expect(ring.takeUsed()).toBe(chain.head)
            ring.release(chain.head)
          }
          expect(ring.freeCount).toBe(size)
          expect(ring.invalidUsed).toBe(0)
          ring.memory.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('commit writes addresses above 4 GB whole, in chains and indirect tables', () => {
    const memory = new GuestMemory([{ guestAddress: 5 * 2 ** 32, sizeBytes: 1 << 20 }])
    const ring = new SplitRing(memory, 8, { indirectEntries: 4 })
    const device = new PlainDevice(ring)
    const at = memory.allocate(4096)
    for (const indirect of [false, true]) {
      ring.add([at, 1, at + 64, 2], [at + 128, 3], indirect)
      ring.publish()
      expect(device.take()).toMatchObject({
        indirect,
        readable: [at, 1, at + 64, 2],
        writable: [at + 128, 3],
      })
    }
    memory.close()
  })

  test('post gives a chain back unchanged', () => {
    const { ring, device, at } = makeRing(4)
    const head = ring.addOne(at, 100, true)
    for (let i = 0; i < 10; i++) {
      ring.publish()
      expect(device.take()).toMatchObject({ head, writable: [at, 100] })
      device.complete([head, 60])
      expect(ring.takeUsed()).toBe(head)
      ring.post(head)
    }
    expect(ring.freeCount).toBe(3)
    ring.memory.close()
  })

  test('takeUsed counts and skips entries that name no chain in flight', () => {
    const { ring, device, at } = makeRing(4)
    const head = ring.addOne(at, 1, false)
    ring.publish()
    device.complete([4, 0], [0xffffffff, 0], [(head + 1) % 4, 0], [head, 9], [head, 9])
    expect(ring.takeUsed()).toBe(head)
    expect(ring.takeUsed()).toBe(-1)
    expect(ring.invalidUsed).toBe(4)
    ring.release(head)
    expect(() => ring.release(head)).toThrow(RangeError)
    ring.memory.close()
  })

  test.each([false, true])('needsKick follows what the device asks for (event index: %s)', (eventIdx) => {
    const { ring, device, at } = makeRing(8, { eventIdx }, 0xfffe)
    device.suppressKicks(false)
    expect(ring.needsKick()).toBe(false)
    for (let i = 0; i < 4; i++) {
      ring.addOne(at, 1, false)
      expect(device.take()).toBeUndefined()
      ring.publish()
      expect(ring.needsKick()).toBe(true)
      expect(ring.needsKick()).toBe(false)
      device.take()
      device.suppressKicks(i === 3)
    }
    ring.addOne(at, 1, false)
    ring.publish()
    expect(ring.needsKick()).toBe(false)
    ring.memory.close()
  })

  test.each([
    false,
    true,
  ])('armCalls asks for one call and tells of what came before (event index: %s)', (eventIdx) => {
    const { ring, device, at } = makeRing(8, { eventIdx }, 0xfffe)
    const heads = Array.from({ length: 8 }, () => ring.addOne(at, 1, false))
    ring.publish()
    ring.disarmCalls()
    device.complete([heads[0]!, 0])
    expect(device.calls).toBe(0)
    expect(ring.armCalls()).toBe(true)
    expect(ring.takeUsed()).toBe(heads[0])
    expect(ring.armCalls()).toBe(false)
    device.complete([heads[1]!, 0], [heads[2]!, 0])
    expect(device.calls).toBe(1)
    ring.takeUsed()
    ring.takeUsed()
    ring.disarmCalls()
    device.complete([heads[3]!, 0])
    expect(device.calls).toBe(1)
    ring.memory.close()
  })
})
