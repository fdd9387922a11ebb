import { describe, expect, test } from 'vitest'
import {
  ALL,
  device,
  frontend,
  hangUp,
  memory,
  openFds,
  RecordingDevice,
  serve,
  session,
  useSession,
} from '../../test/support/session.js'
import { createEventfd } from '../sys/eventfd.js'
import { closeFd, socketPair } from '../sys/unix-socket.js'
import { encodeMessage, encodeU64, encodeVringFd, encodeVringState } from '../vhost-user/messages.js'
import { FLAG_NEED_REPLY, PROTOCOL_F, REQUEST } from '../vhost-user/requests.js'
import { VhostUserSession } from '../vhost-user/session.js'
import { VIRTIO_F } from '../virtio/virtio.js'
import { SplitRing } from './split-ring.js'
import { VhostUserFrontend } from './vhost-user-frontend.js'

useSession()

describe('VhostUserSession with a frontend that breaks the protocol', () => {
  /** Sends one message and returns the reason of the detachment. */
  function hostile(request: number, payload: Uint8Array, fds: number[] = [], flags = 0): string | undefined {
    frontend.sendMessage(request, flags, payload, fds)
    serve()
    expect(device.reasons).toEqual(session.reason === undefined ? [] : [session.reason])
    return session.reason
  }
  const NONE = new Uint8Array(0)

  test.each([
    ['an unknown request', 99, NONE, /^request 99: not known here/],
    ['request 0', 0, NONE, /^request 0/],
    ['a log without its file', REQUEST.SET_LOG_BASE, new Uint8Array(16), /0 file descriptors, not 1/],
    ['a log by its address', REQUEST.SET_LOG_BASE, new Uint8Array(8), /payload of 8 bytes, not 16/],
    ['a request for another device', REQUEST.GPU_SET_SOCKET, NONE, /GPU_SET_SOCKET: not known here/],
    ['a short payload', REQUEST.SET_FEATURES, new Uint8Array(4), /payload of 4 bytes, not 8/],
    ['a long payload', REQUEST.SET_OWNER, new Uint8Array(1), /payload of 1 bytes, not 0/],
    [
      'features that were not offered',
      REQUEST.SET_FEATURES,
      encodeU64(1n << 34n),
      /0x400000000 were not offered/,
    ],
    [
      'protocol features not offered',
      REQUEST.SET_PROTOCOL_FEATURES,
      encodeU64(2n ** 6n),
      /not offered: CROSS_ENDIAN/,
    ],
    ['a ring that is not there', REQUEST.SET_VRING_NUM, encodeVringState(5, 8), /ring 5 of 5/],
    ['a ring size of 3', REQUEST.SET_VRING_NUM, encodeVringState(0, 3), /no power of two/],
    ['a ring size of 0', REQUEST.SET_VRING_NUM, encodeVringState(0, 0), /no power of two/],
    ['a ring size of 65536', REQUEST.SET_VRING_NUM, encodeVringState(0, 65536), /no power of two/],
    ['a base above 16 bits', REQUEST.SET_VRING_BASE, encodeVringState(0, 65536), /more than 16 bits/],
    ['an enable of 2', REQUEST.SET_VRING_ENABLE, encodeVringState(0, 2), /enable is 0 or 1/],
    ['a kick before addresses', REQUEST.SET_VRING_KICK, encodeVringFd(0, false), /before its addresses/],
    ['a call without its descriptor', REQUEST.SET_VRING_CALL, encodeVringFd(0, true), /brings none/],
    ['CONFIG not negotiated', REQUEST.GET_CONFIG, new Uint8Array(12), /CONFIG was not negotiated/],
    ['memory slots not negotiated', REQUEST.GET_MAX_MEM_SLOTS, NONE, /CONFIGURE_MEM_SLOTS was not/],
  ])('detaches with a reason when it gets %s', (_, request, payload, reason) => {
    expect(hostile(request, payload)).toMatch(reason)
    expect(() => frontend.channel.take()).toThrow(/hung up/)
  })

  test('detaches when the version or the size in the header is wrong', () => {
    const bytes = encodeMessage(REQUEST.GET_FEATURES, 0)
    new DataView(bytes.buffer).setUint32(8, 0x7fffffff, true)
    frontend.channel.sendRaw(bytes)
    serve()
    expect(session.reason).toMatch(/payload of 2147483647 bytes/)
  })

  test('detaches when the version is not 1', () => {
    const bytes = encodeMessage(REQUEST.GET_FEATURES, 0)
    bytes[4] = 3
    frontend.channel.sendRaw(bytes)
    serve()
    expect(session.reason).toMatch(/version 3, not 1/)
  })

  test('detaches when the connection ends within a message', () => {
    frontend.channel.sendRaw(encodeMessage(REQUEST.SET_FEATURES, 0, new Uint8Array(8)).subarray(0, 15))
    serve()
    expect(session.reason).toBeUndefined()
    hangUp()
    serve()
    expect(device.reasons).toEqual(['the frontend hung up within a message'])
  })

  test('detaches when memory tables lie about descriptors, files or overlaps', () => {
    const { guestAddress, sizeBytes, userAddress, fd } = memory.regions[0]!
    const cases: [number, number, number, RegExp][] = [
      [2 ** 21, sizeBytes * 2, 2 ** 30, /ends at byte 2097152 of a file of 1048576/],
      [guestAddress + 4096, 4096, 2 ** 30, /overlap at guest address 0x1000/],
      [2 ** 21, 4096, userAddress + 4096, /overlap at user address/],
    ]
    for (const [guest, size, user, reason] of cases) {
      const [backend, front] = socketPair()
      const bad = new RecordingDevice()
      const other = new VhostUserSession(backend, bad)
      const sender = new VhostUserFrontend(front)
      const region = { guestAddress: guest, sizeBytes: size, userAddress: user, fileOffset: 0, fd }
      sender.setMemTable([memory.regions[0]!, region])
      other.onReadable()
      expect(other.reason).toMatch(reason)
      expect(bad.fds).toEqual([])
      sender.close()
    }
  })

  test('counts a region that is added once per queue pair, and removes it with the last', () => {
    frontend.negotiate(ALL, ALL)
    const [region, other] = memory.regions
    for (const slot of [region!, other!, region!, other!]) expect(frontend.addMemReg(slot)).toBe(true)
    expect(device.named('add')).toEqual([[0], [2 ** 32]])
    expect(frontend.removeMemReg(region!)).toBe(true)
    expect(device.named('remove')).toEqual([])
    expect(frontend.removeMemReg(region!)).toBe(true)
    expect(device.named('remove')).toEqual([[0]])
    expect(frontend.removeMemReg(region!)).toBe(false)
    expect(session.reason).toMatch(/no memory region at 0x0/)
  })

  test('detaches when a region is added again with another place in its file', () => {
    frontend.negotiate(ALL, ALL)
    const [region] = memory.regions
    const half = { ...region!, sizeBytes: region!.sizeBytes / 2 }
    expect(frontend.addMemReg(half)).toBe(true)
    expect(frontend.addMemReg({ ...half, fileOffset: half.sizeBytes })).toBe(false)
    expect(session.reason).toMatch(/overlap at guest address 0x0/)
  })

  test('detaches when a running ring loses its memory', () => {
    frontend.negotiate(ALL, ALL)
    frontend.start(memory, [new SplitRing(memory, 64)])
    expect(frontend.setMemTable([memory.regions[1]!])).toBe(false)
    expect(session.reason).toMatch(/descriptor table of ring 0 lies in no memory region/)
  })

  test('detaches when a log comes without LOG_SHMFD, reaches beyond 2^53, or brings no descriptor to signal', () => {
    const event = createEventfd()
    const log = new Uint8Array(16).fill(255)
    const cases: [bigint, number, Uint8Array, number, RegExp][] = [
      [0n, REQUEST.SET_LOG_BASE, log, event, /LOG_SHMFD was not negotiated/],
      [PROTOCOL_F.LOG_SHMFD, REQUEST.SET_LOG_BASE, log, event, /a log reaches beyond 2\^53/],
      [0n, REQUEST.SET_LOG_FD, NONE, memory.regions[0]!.fd, /no eventfd, pipe or socket/],
    ]
    for (const [protocol, request, payload, fd, reason] of cases) {
      const [backend, front] = socketPair()
      const other = new VhostUserSession(backend, new RecordingDevice())
      const sender = new VhostUserFrontend(front, { pump: () => other.onReadable() })
      sender.negotiate(ALL, protocol)
      sender.sendMessage(request, 0, payload, [fd])
      while (other.onReadable());
      expect(other.reason).toMatch(reason)
      sender.close()
    }
    closeFd(event)
  })

  test('detaches when the log address of a ring is none of its used ring', () => {
    frontend.negotiate(ALL, ALL)
    const ring = new SplitRing(memory, 64)
    frontend.start(memory, [ring])
    const at = (gpa: number) => memory.userAddressOf(gpa)
    expect(frontend.setVringAddr(0, at(ring.desc), at(ring.avail), at(ring.used), ring.used + 4)).toBe(false)
    expect(session.reason).toMatch(/the log address of ring 0 cannot be one of its used ring/)
  })

  test('detaches when more descriptors come than any message has', () => {
    const event = createEventfd()
    expect(hostile(REQUEST.SET_OWNER, NONE, Array(9).fill(event))).toMatch(/9 file descriptors/)
    closeFd(event)
  })

  test('detaches when a message brings a descriptor that it should not', () => {
    const event = createEventfd()
    expect(hostile(REQUEST.SET_OWNER, NONE, [event])).toMatch(/SET_OWNER: 1 file descriptors, not 0/)
    closeFd(event)
  })

  test('acknowledges with a 1 before it detaches when a violation asked for an acknowledgement', () => {
    frontend.negotiate(ALL, ALL)
    expect(frontend.setVringNum(0, 3)).toBe(false)
    expect(session.reason).toMatch(/ring size 3/)
  })

  test('ignores need_reply when REPLY_ACK was not negotiated', () => {
    frontend.sendMessage(REQUEST.SET_OWNER, FLAG_NEED_REPLY, NONE)
    serve()
    expect(frontend.channel.take()).toBeUndefined()
  })

  test('detaches with the reason of the device when it finds a violation', () => {
    device.violation = 'the descriptor table reaches beyond the memory'
    expect(hostile(REQUEST.SET_VRING_NUM, encodeVringState(0, 8))).toBe(
      'SET_VRING_NUM: the descriptor table reaches beyond the memory',
    )
  })

  test('leaves no descriptor open when it ends in the middle of anything', () => {
    const before = openFds()
    const [backend, front] = socketPair()
    const other = new RecordingDevice()
    const ending = new VhostUserSession(backend, other)
    const peer = new VhostUserFrontend(front, { pump: () => ending.onReadable() })
    peer.negotiate(ALL, ALL)
    peer.openBackendChannel()
    peer.openBackendChannel()
    peer.start(memory, [new SplitRing(memory, 64)])
    const event = createEventfd()
    const call = encodeMessage(REQUEST.SET_VRING_CALL, 0, encodeVringFd(0, true))
    peer.channel.sendRaw(call.subarray(0, 13), [event])
    ending.onReadable()
    ending.close('enough')
    ending.close('twice')
    closeFd(event)
    peer.close()
    expect(other.reasons).toEqual(['enough'])
    expect(openFds()).toEqual(before)
  })

  test('offers no protocol features when the device offers none', () => {
    device.protocol = 0n
    expect(frontend.getFeatures() & VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES).toBe(0n)
    device.protocol = PROTOCOL_F.CROSS_ENDIAN | PROTOCOL_F.MQ
    expect(frontend.getProtocolFeatures()).toBe(PROTOCOL_F.MQ)
  })
})
