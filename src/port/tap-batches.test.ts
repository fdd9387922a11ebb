/** A TAP whose frames move by batches: what becomes of them when their device or their port goes away in the middle. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { socketSide } from '../../test/support/far-sides.js'
import { ipFrame } from '../../test/support/ip-frames.js'
import { deviceExists, enterPrivateNetwork, ip, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntil, stepUntilState, untilDown } from '../../test/support/step-until.js'
import { attach, broadcast, cleanUp, counter, dropped, frame, newEngine } from '../../test/support/switch.js'
import { C_EGRESS_FRAMES, C_INGRESS_FRAMES, DROP_DETACHED, DROP_HOST_ERROR } from '../core/layout.js'
import type { Engine } from '../engine/engine.js'
import { ReadRing } from '../sys/frame-rings.js'
import { OP, whyNoRing } from '../sys/io-uring.js'
import { libc } from '../sys/libc.js'
import { NativeBuffer } from '../sys/native-buffer.js'
import { TapPort } from './tap.js'

const reason = whyNoDevices() ?? whyNoRing(OP.WRITE)
if (reason === undefined) enterPrivateNetwork()
else console.warn(`skipped: TAP batches: ${reason}`)

const DEVICE = 'rftap2'
/** Source: uapi/linux/if_tun.h. */
const TUNSETSNDBUF = 0x400454d4
const TAP = { kind: 'tap', name: 't', device: DEVICE } as const
const FAR = 1
const GUEST = 2
/** More than a port reads in one turn, and fewer than the kernel reads ahead. */
const LARGE_FRAMES = 10
const LARGE = ipFrame(GUEST, FAR, { ip: 4, protocol: 'tcp', payloadBytes: 60_000, gsoSize: 1448 })

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** A switch with the TAP in row 0, its far side, and a guest; both stations are known. */
function wire() {
  const engine = newEngine()
  engine.addPort(TAP)
  const far = socketSide(DEVICE)
  const guest = attach(engine, 'g')
  guest.driver.send(broadcast(GUEST))
  expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
  far.send(broadcast(FAR))
  expect(collect(engine, () => guest.driver.receive(), 1)).toHaveLength(1)
  return { engine, far, guest }
}

/** Has the kernel take little from the TAP's port before what it took has gone. */
function limitSendBuffer(engine: Engine): void {
  const { fd } = engine.ports[0] as unknown as { fd: number }
  const bytes = new NativeBuffer(4)
  bytes.data.setInt32(0, 4096, true)
  expect(libc.ioctl(fd, TUNSETSNDBUF, bytes.address)).toBe(0)
  bytes.free()
}

/** Has the TAP's port read one burst. */
function readBurst(engine: Engine): void {
  const port = engine.ports[0]
  if (!port || port.hasRings) throw new Error('no TAP')
  port.receive(64)
  engine.plane.publish()
}

/** Why the kernel has no lasting requests to read. */
const KERNELS = [
  ['a kernel as it is', undefined],
  ['a kernel before 6.7', 'the kernel is older than 6.7'],
] as const

describe.skipIf(reason !== undefined).each(KERNELS)('TapPort by batches on %s', (_, whyNot) => {
  beforeEach(() => {
    if (whyNot !== undefined) vi.spyOn(ReadRing, 'open').mockReturnValue(whyNot)
  })
  afterEach(() => {
    cleanUp()
    vi.restoreAllMocks()
  })

  it('says nothing of single calls when it has io_uring', () => {
    const engine = newEngine()
    engine.addPort(TAP)
    expect(engine.ports[0]?.status()).not.toHaveProperty('unbatched')
  })

  it('carries super-frames whole and in order when they are more than a turn takes', () => {
    const { engine, far, guest } = wire()
    for (let sent = 0; sent < LARGE_FRAMES; sent++) far.send(LARGE.frame, LARGE.header)
    const frames = collect(engine, () => guest.driver.receive(), LARGE_FRAMES)
    expect(frames.map((received) => Buffer.compare(received.frame, LARGE.frame))).toEqual(
      new Array<number>(LARGE_FRAMES).fill(0),
    )
    far.close()
  })

  it('counts the frames that it had read ahead when its peer is given up', () => {
    const { engine, far } = wire()
    const before = counter(engine, 0, C_INGRESS_FRAMES)
    for (let sent = 0; sent < LARGE_FRAMES; sent++) far.send(LARGE.frame, LARGE.header)
    readBurst(engine)
    const forwarded = counter(engine, 0, C_INGRESS_FRAMES) - before
    expect(forwarded).toBeLessThan(LARGE_FRAMES)
    engine.ports[0]?.fail('for a test')
    expect(dropped(engine, 0, DROP_DETACHED)).toBe(LARGE_FRAMES - forwarded)
    stepUntilState(engine, 'up')
    far.close()
  })

  it('forwards what it had read and attaches anew when its device is removed under load', () => {
    const { engine, far, guest } = wire()
    const before = counter(engine, 0, C_INGRESS_FRAMES)
    for (let sent = 0; sent < LARGE_FRAMES; sent++) far.send(LARGE.frame, LARGE.header)
    readBurst(engine)
    ip(`link del ${DEVICE}`)
    far.close()
    untilDown(engine)
    stepUntilState(engine, 'up')
    expect(counter(engine, 0, C_INGRESS_FRAMES) - before + dropped(engine, 0, DROP_DETACHED)).toBe(
      LARGE_FRAMES,
    )
    const again = socketSide(DEVICE)
    again.send(frame(GUEST, FAR, 100))
    const small = () => {
      for (let next = guest.driver.receive(); next; next = guest.driver.receive())
        if (next.frame.length === 100) return next
      return undefined
    }
    expect(collect(engine, small, 1)).toHaveLength(1)
    again.close()
  })

  it('counts every frame that its device did not take when it is set down under load', () => {
    const { engine, far, guest } = wire()
    const before = counter(engine, 0, C_EGRESS_FRAMES)
    // The write finds out, not a tick that may come before it.
    const tick = vi.spyOn(TapPort.prototype, 'tick').mockReturnValue()
    ip(`link set ${DEVICE} down`)
    const count = 150
    for (let sent = 0; sent < count; sent++) guest.driver.send(frame(FAR, GUEST, 60))
    for (let steps = 0; steps < 20; steps++) engine.step()
    tick.mockRestore()
    const egress = counter(engine, 0, C_EGRESS_FRAMES) - before
    const lost = dropped(engine, 0, DROP_HOST_ERROR) + dropped(engine, 0, DROP_DETACHED)
    expect(lost).toBe(egress)
    expect(lost).toBeGreaterThan(0)
    ip(`link set ${DEVICE} up`)
    stepUntilState(engine, 'up')
    guest.driver.send(frame(FAR, GUEST, 77))
    const found = collect(engine, () => far.receive(), 1)
    expect(found.map((received) => received.frame.length)).toEqual([77])
    far.close()
  })

  it('keeps the order, and loses counted frames of one batch at most, when its device makes it wait', () => {
    // Behind a bridge a shaper holds frames, which count against the send buffer of the TAP.
    ip('link add rfslow type veth peer name rfslowp')
    ip('link add rfbr type bridge')
    try {
      const { engine, far, guest } = wire()
      far.close()
      limitSendBuffer(engine)
      for (const device of ['rfslow', 'rfslowp', 'rfbr']) ip(`link set ${device} up`)
      for (const device of ['rfslow', DEVICE]) ip(`link set ${device} master rfbr`)
      execFileSync('tc', 'qdisc add dev rfslow root tbf rate 20mbit burst 2kb limit 1mb'.split(' '))
      // The kernel tells the bridge of its ports' carriers when it finds time.
      const forwards = (slave: string) => ip(`-d link show dev ${slave}`).includes('state forwarding')
      stepUntil(engine, () => forwards('rfslow') && forwards(DEVICE))
      const waits = vi.spyOn(engine, 'rewatch')
      const end = socketSide('rfslowp')
      const count = 400
      const got: number[] = []
      const numbered = (): number => {
        for (let next = end.receive(); next; next = end.receive())
          if (next.frame.length === 300)
            got.push((next.frame[14] as number) * 256 + (next.frame[15] as number))
        return got.length
      }
      for (let sent = 0; sent < count; sent++) {
        const data = frame(FAR, GUEST, 300)
        data.set([sent >> 8, sent & 0xff], 14)
        guest.driver.send(data)
        if (sent % 50 === 49) engine.step()
        // A full send buffer is no device that is down.
        engine.ports[0]?.tick(0)
      }
      expect(waits).toHaveBeenCalled()
      stepUntil(engine, () => numbered() + dropped(engine, 0, DROP_HOST_ERROR) === count)
      expect(got).toEqual([...got].sort((a, b) => a - b))
      expect(count - got.length).toBeLessThan(64)
      end.close()
    } finally {
      ip('link del rfslow')
      ip('link del rfbr')
    }
  })

  it('leaves no device, descriptor or memory behind when it is closed with frames on their way', () => {
    const engine = newEngine()
    const before = { free: engine.memory.freeBytes, fds: descriptors() }
    for (let round = 0; round < 20; round++) {
      engine.addPort({ ...TAP, queues: (round % 3) + 1 })
      const far = socketSide(DEVICE)
      for (let sent = 0; sent < round * 5; sent++) far.send(broadcast(FAR))
      if (round % 2 === 1) readBurst(engine)
      far.close()
      engine.removePort('t')
      expect(deviceExists(DEVICE)).toBe(false)
    }
    expect({ free: engine.memory.freeBytes, fds: descriptors() }).toEqual(before)
  })
})
