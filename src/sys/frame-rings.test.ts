import { afterEach, describe, expect, it } from 'vitest'
import { type FrameReads, type FrameWrites, ReadCalls, settle, WriteCalls } from './frame-calls.js'
import { ReadRing, WriteRing } from './frame-rings.js'
import { OP, whyNoRing } from './io-uring.js'
import { EAGAIN, errno, errnoName, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'
import { ReadBatches } from './read-batches.js'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SLOT_BYTES = 4096
const noReads = whyNoRing(OP.READ_MULTISHOT)
const noWrites = whyNoRing(OP.WRITE)
for (const reason of [noReads, noWrites])
  if (reason !== undefined) console.warn(`skipped: frames by io_uring: ${reason}`)

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

/** Two non-blocking descriptors; what is written into one, message by message, is read from the other. */
function pair(): [near: number, far: number] {
  const fds = new NativeBuffer(8)
  expect(libc.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds.address)).toBe(0)
  const ends: [number, number] = [fds.data.getInt32(0, true), fds.data.getInt32(4, true)]
  fds.free()
  for (const fd of ends) undo.push(() => libc.close(fd))
  return ends
}

const message = new NativeBuffer(4096)
/** Sends numbered messages, each of a length of its own. Returns how many went. */
function send(fd: number, from: number, count: number): number {
  for (let number = from; number < from + count; number++) {
    message.data.setUint32(0, number, true)
    if (libc.write(fd, message.address, lengthOf(number)) < 0) return number - from
  }
  return count
}

function lengthOf(number: number): number {
  return 4 + (number % 100)
}

/** The numbers of all messages that wait at a descriptor. */
function receive(fd: number): number[] {
  const numbers: number[] = []
  while (libc.read(fd, message.address, message.sizeBytes) >= 4) numbers.push(message.data.getUint32(0, true))
  return numbers
}

function sequence(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

/** Enough for the messages that a socket holds before it is full (net.unix.max_dgram_qlen). */
const SLOTS = 4
const slots = new NativeBuffer(SLOTS * SLOT_BYTES)
const addresses = sequence(0, SLOTS).map((slot) => slots.address + slot * SLOT_BYTES)

/** The numbers of up to `count` waiting messages, which are dropped; their lengths must be right. */
function take(reads: FrameReads, count: number): number[] {
  const taken = Math.min(count, reads.waiting)
  const numbers = sequence(0, taken).map((index) => {
    const number = slots.data.getUint32(reads.slot(index) * SLOT_BYTES, true)
    expect(reads.bytes(index)).toBe(lengthOf(number))
    return number
  })
  reads.drop(taken)
  return numbers
}

function opened<T>(result: T | string): T {
  if (typeof result === 'string') throw new Error(result)
  return result
}

const READS = [
  ['ReadCalls', (fds: number[]): FrameReads => new ReadCalls(fds, addresses, SLOT_BYTES), undefined],
  [
    'ReadBatches',
    (fds: number[]): FrameReads => opened(ReadBatches.open(fds, addresses, SLOT_BYTES)),
    noWrites,
  ],
  ['ReadRing', (fds: number[]): FrameReads => opened(ReadRing.open(fds, addresses, SLOT_BYTES)), noReads],
] as const

describe.each(READS)('%s', (_, open, whyNot) => {
  const skipped = whyNot !== undefined
  function reading(...fds: number[]): FrameReads {
    const reads = open(fds)
    undo.push(() => reads.close())
    return reads
  }

  it.skipIf(skipped)('reads messages in order, each into its own slot, over many turns of its slots', () => {
    const [near, far] = pair()
    const reads = reading(near)
    let sent = 0
    const got: number[] = []
    for (let turn = 0; turn < 100; turn++) {
      sent += send(far, sent, (turn % 7) + 1)
      expect(reads.read(SLOTS)).toBe(0)
      got.push(...take(reads, SLOTS))
    }
    for (let more = 1; more > 0; ) {
      expect(reads.read(SLOTS)).toBe(0)
      more = reads.waiting
      got.push(...take(reads, SLOTS))
    }
    expect(got).toEqual(sequence(0, sent))
    expect(sent).toBeGreaterThan(100)
  })

  it.skipIf(skipped)('reads nothing, and is no failure, when nothing has come', () => {
    const [near, far] = pair()
    const reads = reading(near)
    for (let turn = 0; turn < 3; turn++) expect([reads.read(SLOTS), reads.waiting]).toEqual([0, 0])
    send(far, 7, 1)
    expect(reads.read(SLOTS)).toBe(0)
    expect(take(reads, SLOTS)).toEqual([7])
  })

  it.skipIf(skipped)('serves each descriptor when another is always full', () => {
    const [first, floods] = pair()
    const [second, whispers] = pair()
    const reads = reading(first, second)
    let quiet = 0
    for (let turn = 0; turn < 20; turn++) {
      send(floods, 1000, 10)
      if (turn % 4 === 0) send(whispers, quiet, 1)
      expect(reads.read(SLOTS)).toBe(0)
      quiet += take(reads, SLOTS).filter((number) => number < 1000).length
    }
    expect(quiet).toBeGreaterThanOrEqual(3)
  })

  it.skipIf(skipped)('tells of a descriptor that fails, after what was read before', () => {
    const [near, far] = pair()
    const reads = reading(-1, near)
    send(far, 1, 1)
    const errors = sequence(0, 3).map(() => {
      const error = reads.read(SLOTS)
      take(reads, SLOTS)
      return error
    })
    expect(errors.map((error) => (error === 0 ? '' : errnoName(-error)))).toContain('EBADF')
  })

  it.skipIf(skipped)('holds no descriptor, and writes to no slot, once it is closed', () => {
    const [near, far] = pair()
    const reads = open([near])
    expect(reads.read(SLOTS)).toBe(0)
    send(far, 1, 1)
    reads.close()
    libc.close(near)
    undo.splice(0, 1)
    slots.bytes.fill(0xee)
    expect(send(far, 2, 1)).toBe(0)
    expect(['ECONNREFUSED', 'EPIPE']).toContain(errnoName(errno()))
    expect(slots.bytes.every((byte) => byte === 0xee)).toBe(true)
  })
})

describe.each(READS.slice(1))('%s', (_, open, whyNot) => {
  it.skipIf(whyNot !== undefined)('keeps what waits until it is dropped', () => {
    const [near, far] = pair()
    const reads = open([near])
    undo.push(() => reads.close())
    send(far, 0, 3)
    reads.read(SLOTS)
    expect(take(reads, 1)).toEqual([0])
    send(far, 3, 4)
    reads.read(SLOTS)
    expect(reads.waiting).toBe(SLOTS)
    expect(take(reads, SLOTS)).toEqual([1, 2, 3, 4])
    reads.read(SLOTS)
    expect(take(reads, SLOTS)).toEqual([5, 6])
  })
})

const WRITES = [
  ['WriteCalls', (): FrameWrites => new WriteCalls(8), false],
  ['WriteRing', (): FrameWrites => opened(WriteRing.open(8)), true],
] as const

describe.each(WRITES)('%s', (_, open, isRing) => {
  const skipped = isRing && noWrites !== undefined
  const texts = new NativeBuffer(8 * 64)

  /** Adds numbered messages and writes them. Returns how many failed. */
  function write(writes: FrameWrites, fds: readonly number[], from: number): number {
    for (const [index, fd] of fds.entries()) {
      texts.data.setUint32(index * 64, from + index, true)
      writes.add(fd, texts.address + index * 64, 4 + index)
    }
    return writes.write()
  }

  function writing(): FrameWrites {
    const writes = open()
    undo.push(() => writes.close())
    return writes
  }

  it.skipIf(skipped)('writes batches of every size in order', () => {
    const [near, far] = pair()
    const writes = writing()
    const got: number[] = []
    let sent = 0
    for (let turn = 0; turn < 50; turn++) {
      const count = (turn % 8) + 1
      expect(write(writes, new Array<number>(count).fill(near), sent)).toBe(0)
      sent += count
      got.push(...receive(far))
    }
    expect(got).toEqual(sequence(0, sent))
  })

  it.skipIf(skipped)('leaves for later what does not fit, and goes on in order when there is room', () => {
    const [near, far] = pair()
    const writes = writing()
    const got: number[] = []
    let next = 0
    let stalls = 0
    for (let turn = 0; turn < 400; turn++) {
      const failed = write(writes, new Array<number>(8).fill(near), next)
      const { done, lost } = settle(writes, 8)
      expect([lost, done]).toEqual([0, 8 - failed])
      if (failed > 0) {
        stalls++
        expect(writes.result(done)).toBe(-EAGAIN)
        got.push(...receive(far))
      }
      next += done
    }
    got.push(...receive(far))
    expect(stalls).toBeGreaterThan(3)
    expect(got).toEqual(sequence(0, next))
  })

  it.skipIf(skipped)('loses one that fails, and no other', () => {
    const [near, far] = pair()
    const writes = writing()
    expect(write(writes, [near, -1, near, near], 0)).toBe(1)
    expect(errnoName(-writes.result(1))).toBe('EBADF')
    expect(settle(writes, 4)).toEqual({ done: 4, lost: 1, waits: false })
    expect(receive(far)).toEqual([0, 2, 3])
    expect(write(writes, [-1], 0)).toBe(1)
    expect(settle(writes, 1)).toEqual({ done: 1, lost: 1, waits: false })
  })
})

describe.skipIf(noWrites !== undefined)('WriteRing', () => {
  it('takes back all that would have to wait, and writes none of it later, when there is no room', () => {
    const writes = opened(WriteRing.open(64))
    undo.push(() => writes.close())
    const [near, far] = pair()
    send(near, 0, 1000)
    const before = receive(far).length
    expect(send(near, 0, 1000)).toBe(before)
    for (let round = 0; round < 3; round++) {
      for (let added = 0; added < 64; added++) writes.add(near, slots.address, 4)
      expect(writes.write()).toBe(64)
      expect(sequence(0, 64).every((index) => writes.result(index) === -EAGAIN)).toBe(true)
    }
    expect(receive(far)).toHaveLength(before)
    for (let added = 0; added < 2; added++) writes.add(near, slots.address, 4)
    expect(writes.write()).toBe(0)
    expect(receive(far)).toHaveLength(2)
  })

  it('tells of every failure when a whole batch fails', () => {
    const writes = opened(WriteRing.open(64))
    undo.push(() => writes.close())
    const [near, far] = pair()
    for (let round = 0; round < 3; round++) {
      for (let added = 0; added < 64; added++) writes.add(added % 16 === 15 ? near : -1, slots.address, 4)
      expect(writes.write()).toBe(60)
      expect(sequence(0, 64).filter((index) => writes.result(index) < 0)).toHaveLength(60)
      expect(receive(far)).toHaveLength(4)
    }
  })
})

describe('settle', () => {
  const OK = 60
  const EIO = -5
  it.each([
    [[OK, OK], { done: 2, lost: 0, waits: false }],
    [[OK, -EAGAIN, -EAGAIN], { done: 1, lost: 0, waits: true }],
    [[-EAGAIN, OK, -EAGAIN], { done: 2, lost: 1, waits: true }],
    [[-EAGAIN, OK], { done: 2, lost: 1, waits: true }],
    [[EIO, EIO], { done: 2, lost: 2, waits: false }],
    [[OK, EIO, -EAGAIN, EIO], { done: 2, lost: 1, waits: true }],
    [[-EAGAIN], { done: 0, lost: 0, waits: true }],
  ])('is done with the right ones when %j came of the batch', (results, expected) => {
    const writes = { result: (index: number) => results[index] } as unknown as FrameWrites
    expect(settle(writes, results.length)).toEqual(expected)
  })
})
