import { fstatSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  ALL,
  device,
  FEATURES,
  frontend,
  memory,
  serve,
  session,
  useSession,
} from '../../test/support/session.js'
import { createEventfd, drainEventfd, signalEventfd } from '../sys/eventfd.js'
import { closeFd, sendWithFds } from '../sys/unix-socket.js'
import { inflightRegionBytes } from '../vhost-user/inflight.js'
import { encodeMessage, encodeVringFd, encodeVringState } from '../vhost-user/messages.js'
import { SESSION_PROTOCOL_FEATURES } from '../vhost-user/request-handler.js'
import { BACKEND_REQUEST, PROTOCOL_F, REQUEST } from '../vhost-user/requests.js'
import { VIRTIO_F } from '../virtio/virtio.js'
import { FrontendLog } from './frontend-log.js'
import { GuestMemory } from './guest-memory.js'
import { SplitRing } from './split-ring.js'

useSession()

describe('VhostUserSession with a well-behaved frontend', () => {
  test('negotiates the intersection of what is wanted and offered', () => {
    expect(frontend.negotiate(ALL, ALL)).toBe(FEATURES)
    expect(frontend.protocolFeatures).toBe(SESSION_PROTOCOL_FEATURES)
    expect(device.named('features')).toEqual([[FEATURES]])
    expect(device.named('enable')).toEqual([])
    expect(frontend.getQueueNum()).toBe(2)
    expect(frontend.getMaxMemSlots()).toBe(3)
  })

  test('hands memory and rings to the device with guest addresses and working descriptors', () => {
    frontend.negotiate(ALL, ALL)
    const low = new SplitRing(memory, 64)
    memory.allocate((1 << 20) - 4096)
    const high = new SplitRing(memory, 256)
    expect(high.desc).toBeGreaterThanOrEqual(2 ** 32)
    const events = frontend.start(memory, [low, high])
    expect(device.regions.map(({ guestAddress, sizeBytes }) => [guestAddress, sizeBytes])).toEqual([
      [0, 1 << 20],
      [2 ** 32, 1 << 20],
    ])
    expect(device.regions.map((region) => fstatSync(region.fd).ino)).toEqual(
      memory.regions.map((region) => fstatSync(region.fd).ino),
    )
    expect(device.named('size')).toEqual([
      [0, 64],
      [1, 256],
    ])
    expect(device.named('addresses').at(-1)).toEqual([
      1,
      { desc: high.desc, avail: high.avail, used: high.used },
    ])
    expect(device.named('kick')).toEqual([
      [0, true],
      [1, true],
    ])
    expect(device.named('enable')).toEqual([
      [0, true],
      [1, true],
    ])
    // Two regions, then kick and call of ring 0.
    const [kick, call] = [device.fds[2]!, device.fds[3]!]
    signalEventfd(events[0]!.kickFd)
    expect(drainEventfd(kick)).toBe(true)
    signalEventfd(call)
    expect(drainEventfd(events[0]!.callFd)).toBe(true)
    expect(frontend.stopRing(1)).toBe(42)
    expect(device.named('stop')).toEqual([[1]])
  })

  test('follows the order of QEMU: calls and enables before memory, a call replaced while running', () => {
    frontend.negotiate(ALL, ALL)
    const spare = createEventfd()
    expect(frontend.setVringCall(0, spare)).toBe(true)
    expect(frontend.setVringErr(0, -1)).toBe(true)
    for (const on of [false, true, true]) expect(frontend.setVringEnable(0, on)).toBe(true)
    const ring = new SplitRing(memory, 64)
    frontend.start(memory, [ring])
    expect(frontend.setVringCall(0, spare)).toBe(true)
    closeFd(spare)
    expect(device.named('call')).toEqual([
      [0, true],
      [0, true],
      [0, true],
    ])
    expect(device.named('err')).toEqual([[0, false]])
    expect(session.reason).toBeUndefined()
  })

  test('enables rings without being asked when protocol features are not spoken', () => {
    frontend.negotiate(ALL, 0n)
    frontend.start(memory, [new SplitRing(memory, 64)])
    serve()
    expect(device.named('enable')).toContainEqual([0, true])
    expect(session.reason).toBeUndefined()
  })

  test('places rings when their memory comes after their addresses', () => {
    frontend.negotiate(ALL, ALL)
    const ring = new SplitRing(memory, 64)
    const at = (gpa: number) => memory.userAddressOf(gpa)
    expect(frontend.setVringAddr(0, at(ring.desc), at(ring.avail), at(ring.used))).toBe(true)
    expect(device.named('addresses')).toEqual([])
    expect(frontend.addMemReg(memory.regions[1]!)).toBe(true)
    expect(device.named('addresses')).toEqual([])
    expect(frontend.addMemReg(memory.regions[0]!)).toBe(true)
    expect(device.named('addresses')).toEqual([[0, { desc: ring.desc, avail: ring.avail, used: ring.used }]])
    expect(frontend.removeMemReg(memory.regions[1]!)).toBe(true)
    expect(device.named('remove')).toEqual([[2 ** 32]])
  })

  test('serves configuration, status, RARP, MTU and reset', () => {
    frontend.negotiate(ALL, ALL)
    expect([...frontend.getConfig(6, 4)!]).toEqual([6, 7, 8, 9])
    expect(frontend.setStatus(15)).toBe(true)
    expect(frontend.getStatus()).toBe(15)
    expect(frontend.sendRarp(Uint8Array.of(2, 0, 0, 0, 0, 9))).toBe(true)
    expect(device.named('rarp')).toEqual([[[2, 0, 0, 0, 0, 9]]])
    expect(frontend.setMtu(1500)).toBe(true)
    expect(frontend.resetDevice()).toBe(true)
    expect(device.named('reset')).toEqual([[]])
  })

  test('refuses with a 1 and goes on when a request is bad but harmless', () => {
    frontend.negotiate(ALL, ALL)
    expect(frontend.setMtu(9001)).toBe(false)
    expect(frontend.setMtu(67)).toBe(false)
    expect(frontend.setConfig(0, Uint8Array.of(1))).toBe(false)
    expect(frontend.setConfig(0, Uint8Array.of(1), true)).toBe(true)
    expect(session.reason).toBeUndefined()
  })

  test('hands the log of a migration to the device, and confirms it whether it is asked to or not', () => {
    frontend.negotiate(ALL, PROTOCOL_F.LOG_SHMFD)
    const log = new FrontendLog(2 ** 30)
    expect(frontend.setLogBase(log, log.fd)).toBe(true)
    expect(device.named('log')).toEqual([[log.sizeBytes, 0]])
    const event = createEventfd()
    frontend.setLogFd(event)
    const ring = new SplitRing(memory, 64)
    frontend.start(memory, [ring])
    frontend.logAll(true)
    serve()
    expect(device.named('log call')).toEqual([[true]])
    expect(device.named('features').at(-1)).toEqual([
      frontend.features & ~VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES,
    ])
    const { desc, avail, used } = ring
    expect(device.named('addresses').at(-1)).toEqual([0, { desc, avail, used, log: used }])
    closeFd(event)
    log.close()
    expect(session.reason).toBeUndefined()
  })

  test('gives an inflight area in the split layout and takes it back', () => {
    frontend.negotiate(ALL, ALL)
    const area = frontend.getInflight(2, 256)
    expect(area.sizeBytes).toBe(2 * inflightRegionBytes(256))
    const mapped = new GuestMemory([
      { guestAddress: 0, sizeBytes: Math.ceil(area.sizeBytes / 4096) * 4096, fd: area.fd },
    ])
    const second = inflightRegionBytes(256)
    expect(mapped.data.getUint16(second + 8, true)).toBe(1)
    expect(mapped.data.getUint16(second + 10, true)).toBe(256)
    mapped.close()
    expect(frontend.setInflight(area, area.fd)).toBe(true)
    expect(frontend.setInflight({ ...area, sizeBytes: 64 }, area.fd)).toBe(false)
    expect(session.reason).toMatch(/SET_INFLIGHT_FD: inflight area of 64 bytes/)
    closeFd(area.fd)
  })

  test('tells of configuration changes on the backend channel', () => {
    frontend.negotiate(ALL, ALL)
    expect(session.notifyConfigChange()).toBe(false)
    expect(frontend.openBackendChannel()).toBe(true)
    expect(frontend.openBackendChannel()).toBe(true)
    expect(session.notifyConfigChange()).toBe(true)
    expect(frontend.takeBackendRequest()).toMatchObject({ request: BACKEND_REQUEST.CONFIG_CHANGE_MSG })
    expect(frontend.takeBackendRequest()).toBeUndefined()
  })

  test('reads a message that arrives byte by byte, descriptors with the first', () => {
    const event = createEventfd()
    const bytes = encodeMessage(REQUEST.SET_VRING_CALL, 0, encodeVringFd(3, true))
    for (const [i, byte] of bytes.entries()) {
      expect(device.calls).toEqual([])
      sendWithFds(frontend.channel.fd, Uint8Array.of(byte), i === 0 ? [event] : [])
      serve()
    }
    closeFd(event)
    expect(device.calls).toEqual([['call', 3, true]])
    expect(device.fds.length).toBe(1)
  })

  test('keeps descriptors with their messages when many messages wait', () => {
    const event = createEventfd()
    for (let ring = 0; ring < 4; ring++) {
      frontend.sendMessage(REQUEST.SET_VRING_ENABLE, 0, encodeVringState(ring, 1))
      frontend.sendMessage(REQUEST.SET_VRING_CALL, 0, encodeVringFd(ring, true), [event])
    }
    closeFd(event)
    serve()
    expect(device.named('call').length).toBe(4)
    expect(device.fds.length).toBe(4)
    expect(session.reason).toBeUndefined()
  })
})
