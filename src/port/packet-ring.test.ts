/** The ring of a packet port: small frames lie in it, long ones wait beside it, and all leave in the order they came. */
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { socketSide } from '../../test/support/far-sides.js'
import { ipFrame } from '../../test/support/ip-frames.js'
import { enterPrivateNetwork, ip, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntil, stepUntilState, untilDown } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../../test/support/switch.js'
import { C_INGRESS_FRAMES, DROP_DETACHED, DROP_HOST_ERROR, INGEST_AT } from '../core/layout.js'
import { LinearMemory, MIN_MEMORY_BYTES } from '../core/linear-memory.js'
import type { Engine } from '../engine/engine.js'
import { libc } from '../sys/libc.js'
import { NativeBuffer } from '../sys/native-buffer.js'
import { openPacketSocket } from '../sys/packet-socket.js'
import { closeFd } from '../sys/unix-socket.js'
import { PACKET_RING_SIZES, PacketRing } from './packet-ring.js'

const reason = whyNoDevices()
if (reason === undefined) enterPrivateNetwork()
else console.warn(`skipped: ring of the packet port: ${reason}`)

const FAR = 1
const GUEST = 2
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const PACKET = { kind: 'packet', name: 'p', device: 'rfport' } as const
const LARGE = ipFrame(GUEST, FAR, { ip: 4, protocol: 'tcp', payloadBytes: 30_000, gsoSize: 1448 })

/** A switch with the packet port in row 0, its far side, and a guest; both stations are known. */
function wire() {
  const engine = newEngine()
  engine.addPort(PACKET)
  stepUntilState(engine, 'up')
  const far = socketSide('rffar')
  const guest = attach(engine, 'g')
  guest.driver.send(broadcast(GUEST))
  expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
  far.send(broadcast(FAR))
  expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
  return { engine, far, guest }
}

function numbered(number: number, bytes: number): Uint8Array {
  const data = frame(GUEST, FAR, bytes)
  data.set([number >> 8, number & 0xff], 14)
  return data
}

/** Frames that the port has forwarded or lost by name. */
function known(engine: Engine): number {
  return (
    counter(engine, 0, C_INGRESS_FRAMES) +
    dropped(engine, 0, DROP_HOST_ERROR) +
    dropped(engine, 0, DROP_DETACHED)
  )
}

describe.skipIf(reason !== undefined)('PacketRing', () => {
  beforeEach(() => {
    ip('link add rfport mtu 9100 type veth peer name rffar mtu 9100')
    ip('link set rfport up')
    ip('link set rffar up')
  })
  afterEach(() => {
    cleanUp()
    ip('link del rfport')
  })

  it('keeps the order of small, jumbo and super-frames over many turns of the ring', () => {
    const { engine, far, guest } = wire()
    const expected: string[] = []
    const got: string[] = []
    const rounds = 60
    for (let round = 0; round < rounds; round++) {
      for (let sent = 0; sent < 100; sent++) {
        const number = round * 100 + sent
        if (sent % 25 === 24) {
          far.send(LARGE.frame, LARGE.header)
          expected.push('large')
          continue
        }
        const bytes = number % 9 === 8 ? 1960 + (number % 5000) : 60 + (number % 1454)
        far.send(numbered(number, bytes))
        expected.push(`${number} of ${bytes}`)
      }
      const frames = collect(engine, () => guest.driver.receive(), 100)
      for (const { frame } of frames)
        got.push(
          Buffer.compare(frame, LARGE.frame) === 0
            ? 'large'
            : `${(frame[14] as number) * 256 + (frame[15] as number)} of ${frame.length}`,
        )
    }
    expect(got).toEqual(expected)
    expect(rounds * 100).toBeGreaterThan(2 * PACKET_RING_SIZES.slots)
    far.close()
  })

  it('counts what comes while the ring is full, and goes on', () => {
    const { engine, far, guest } = wire()
    const before = known(engine)
    const count = PACKET_RING_SIZES.slots + 300
    for (let sent = 0; sent < count; sent++) far.send(numbered(sent, 60))
    stepUntil(engine, () => known(engine) - before === count)
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(300)
    while (guest.driver.receive());
    far.send(numbered(7, 77))
    expect(collect(engine, () => guest.driver.receive(), 1)[0]?.frame).toHaveLength(77)
    far.close()
  })

  it('counts a super-frame that there was no room to keep whole, and keeps those around it', () => {
    const { engine, far, guest } = wire()
    const { fd } = engine.ports[0] as unknown as { fd: number }
    const bytes = new NativeBuffer(4)
    bytes.data.setInt32(0, 1, true)
    expect(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bytes.address, 4)).toBe(0)
    bytes.free()
    for (let sent = 0; sent < 4; sent++) {
      far.send(LARGE.frame, LARGE.header)
      far.send(numbered(sent, 100))
    }
    const frames = collect(engine, () => guest.driver.receive(), 5)
    expect(frames.map(({ frame }) => frame.length)).toEqual([LARGE.frame.length, 100, 100, 100, 100])
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(3)
    far.close()
  })

  it('counts the frames that wait when its device is removed, and attaches to the next', () => {
    const { engine, far, guest } = wire()
    const before = known(engine)
    const count = 500
    for (let sent = 0; sent < count; sent++) far.send(numbered(sent, 60))
    far.close()
    ip('link del rfport')
    engine.ports[0]?.fail('for a test')
    expect(known(engine) - before).toBe(count)
    expect(dropped(engine, 0, DROP_DETACHED)).toBe(count)
    ip('link add rfport type veth peer name rffar')
    for (const device of ['rfport', 'rffar']) ip(`link set ${device} up`)
    stepUntilState(engine, 'up')
    const again = socketSide('rffar')
    again.send(numbered(1, 77))
    expect(collect(engine, () => guest.driver.receive(), 1)[0]?.frame).toHaveLength(77)
    again.close()
  })

  it('forwards or counts every frame when its device is removed under load', () => {
    const { engine, far } = wire()
    const before = known(engine)
    for (let sent = 0; sent < 300; sent++) far.send(numbered(sent, sent % 10 === 9 ? 4000 : 60))
    far.close()
    ip('link del rfport')
    untilDown(engine)
    expect(known(engine) - before).toBe(300)
    ip('link add rfport type veth peer name rffar')
  })

  it('lists a frame the same twice when its tag was put back', () => {
    const memory = new LinearMemory(MIN_MEMORY_BYTES)
    const { fd } = openPacketSocket('rfport', PACKET_RING_SIZES)
    const ring = new PacketRing(memory, fd, 'p')
    const far = socketSide('rffar')
    const plain = frame(GUEST, FAR, 100)
    const tagged = Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0x60, 10, ...plain.subarray(12)])
    far.send(tagged)
    const listed = () => {
      expect(ring.list(64)).toBe(1)
      const [at = 0, bytes = 0] = memory.u32.subarray(INGEST_AT >>> 2, (INGEST_AT >>> 2) + 2)
      return { at, frame: Buffer.from(memory.u8.slice(at + 10, at + bytes)) }
    }
    const first = listed()
    expect(first.frame).toEqual(Buffer.from(tagged))
    expect(listed()).toEqual(first)
    ring.release(1)
    expect([ring.list(64), ring.waiting]).toEqual([0, 0])
    far.close()
    ring.close()
    closeFd(fd)
  })

  it('leaves no descriptor or memory behind', () => {
    const engine = newEngine()
    const state = () => ({ free: engine.memory.freeBytes, fds: readdirSync('/proc/self/fd').length })
    const before = state()
    for (let round = 0; round < 10; round++) {
      engine.addPort(PACKET)
      engine.step()
      engine.removePort('p')
    }
    expect(state()).toEqual(before)
  })
})
