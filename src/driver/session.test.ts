import { fstatSync, readdirSync, readlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEventfd, drainEventfd, signalEventfd } from '../sys/eventfd.js'
import { closeFd, sendWithFds, socketPair } from '../sys/unix-socket.js'
import type { GuestRegion, VhostUserDevice } from '../vhost-user/device.js'
import { inflightRegionBytes } from '../vhost-user/inflight.js'
import { encodeMessage, encodeU64, encodeVringFd, encodeVringState } from '../vhost-user/messages.js'
import { SESSION_PROTOCOL_FEATURES } from '../vhost-user/request-handler.js'
import { BACKEND_REQUEST, FLAG_NEED_REPLY, PROTOCOL_F, REQUEST } from '../vhost-user/requests.js'
import { VhostUserSession } from '../vhost-user/session.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../virtio/virtio.js'
import { GuestMemory } from './guest-memory.js'
import { SplitRing } from './split-ring.js'
import { VhostUserFrontend } from './vhost-user-frontend.js'

const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF | VIRTIO_NET_F.MQ

/** Writes down what it is told, as a device would do it, and closes what it is given. */
class RecordingDevice implements VhostUserDevice {
  readonly maxQueuePairs = 2
  readonly maxMemorySlots = 3
  readonly calls: [string, ...unknown[]][] = []
  readonly fds: number[] = []
  regions: GuestRegion[] = []
  protocol = SESSION_PROTOCOL_FEATURES
  status = 0
  reasons: string[] = []
  violation: string | undefined
  #note(name: string, ...args: unknown[]): string | undefined {
    this.calls.push([name, ...args])
    return this.violation
  }
  #keep(fd: number): boolean {
    if (fd >= 0) this.fds.push(fd)
    return fd >= 0
  }
  named(name: string): unknown[][] {
    return this.calls.filter((call) => call[0] === name).map((call) => call.slice(1))
  }
  offeredFeatures = () => FEATURES
  offeredProtocolFeatures = () => this.protocol
  setFeatures = (features: bigint) => this.#note('features', features)
  setMemory(regions: readonly GuestRegion[]): string | undefined {
    for (const region of regions) this.#keep(region.fd)
    this.regions = [...regions]
    return this.#note('memory', regions.length)
  }
  addMemory(region: GuestRegion): string | undefined {
    this.#keep(region.fd)
    return this.#note('add', region.guestAddress)
  }
  removeMemory = (at: number) => this.#note('remove', at)
  setVringSize = (ring: number, size: number) => this.#note('size', ring, size)
  setVringBase = (ring: number, base: number) => this.#note('base', ring, base)
  setVringAddresses = (ring: number, addresses: object) => this.#note('addresses', ring, addresses)
  setVringKick = (ring: number, fd: number) => this.#note('kick', ring, this.#keep(fd))
  setVringCall = (ring: number, fd: number) => this.#note('call', ring, this.#keep(fd))
  setVringErr = (ring: number, fd: number) => this.#note('err', ring, this.#keep(fd))
  setVringEnable = (ring: number, on: boolean) => this.#note('enable', ring, on)
  stopVring(ring: number): number {
    this.#note('stop', ring)
    return 41 + ring
  }
  readConfig = (offset: number, size: number) => Uint8Array.from({ length: size }, (_, i) => offset + i)
  writeConfig(offset: number, bytes: Uint8Array, migration: boolean): boolean {
    this.#note('config', offset, [...bytes], migration)
    return migration
  }
  resetDevice = () => this.#note('reset')
  setStatus(status: number): string | undefined {
    this.status = status
    return undefined
  }
  getStatus = () => this.status
  sendRarp = (mac: Uint8Array) => this.#note('rarp', [...mac]) === undefined
  setMtu = (mtu: number) => mtu <= 9000
  onDetach(reason: string): void {
    this.reasons.push(reason)
    for (const fd of this.fds.splice(0)) closeFd(fd)
  }
}

function openFds(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`]
    } catch {
      return []
    }
  })
}

let device: RecordingDevice
let session: VhostUserSession
let frontend: VhostUserFrontend
let memory: GuestMemory
let filesBefore: string[]

/** Memory files and eventfds; sockets of the test runner come and go. */
const passedFiles = (): string[] => openFds().filter((file) => /memfd|eventfd/.test(file))

beforeEach(() => {
  filesBefore = passedFiles()
  device = new RecordingDevice()
  const [backend, front] = socketPair()
  session = new VhostUserSession(backend, device)
  frontend = new VhostUserFrontend(front, { pump: () => session.onReadable(), tries: 100 })
  memory = new GuestMemory([
    { guestAddress: 0, sizeBytes: 1 << 20 },
    { guestAddress: 2 ** 32, sizeBytes: 1 << 20 },
  ])
})

afterEach(() => {
  frontend.close()
  session.close('the test is over')
  memory.close()
  expect(passedFiles()).toEqual(filesBefore)
})

const ALL = (1n << 64n) - 1n

/** Lets the session work until nothing waits. */
function serve(): void {
  while (session.onReadable());
}

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
    [
      'dirty logging',
      REQUEST.SET_LOG_BASE,
      new Uint8Array(16),
      /SET_LOG_BASE: live migration is not offered/,
    ],
    ['a request for another device', REQUEST.GPU_SET_SOCKET, NONE, /GPU_SET_SOCKET: not known here/],
    ['a short payload', REQUEST.SET_FEATURES, new Uint8Array(4), /payload of 4 bytes, not 8/],
    ['a long payload', REQUEST.SET_OWNER, new Uint8Array(1), /payload of 1 bytes, not 0/],
    [
      'features that were not offered',
      REQUEST.SET_FEATURES,
      encodeU64(1n << 34n),
      /0x400000000 were not offered/,
    ],
    ['protocol features not offered', REQUEST.SET_PROTOCOL_FEATURES, encodeU64(2n), /not offered: LOG_SHMFD/],
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
    frontend.close()
    serve()
    expect(device.reasons).toEqual(['the frontend hung up within a message'])
    frontend = new VhostUserFrontend(socketPair()[0])
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
    device.protocol = PROTOCOL_F.LOG_SHMFD | PROTOCOL_F.MQ
    expect(frontend.getProtocolFeatures()).toBe(PROTOCOL_F.MQ)
  })
})

describe('VhostUserFrontend', () => {
  test('fails with one clear line when nobody answers', () => {
    const [mine, theirs] = socketPair()
    const lonely = new VhostUserFrontend(mine, { tries: 3 })
    expect(() => lonely.getFeatures()).toThrow(/no reply to GET_FEATURES .* after 3 tries/)
    lonely.close()
    closeFd(theirs)
  })

  test('fails with NOT_FOUND when nobody listens on the path', () => {
    expect(() => new VhostUserFrontend('/nonexistent/vm.sock')).toThrow(/no vhost-user backend listens there/)
  })
})
