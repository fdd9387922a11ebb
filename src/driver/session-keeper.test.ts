import { openSync, readSync, writeSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pick, randomOf } from '../../fuzz/random.js'
import { KeptSessionSite, KILLS } from '../../test/support/kept-session.js'
import { ALL, FEATURES, passedFiles, type RecordingDevice } from '../../test/support/session.js'
import { createEventfd } from '../sys/eventfd.js'
import { createMemfd } from '../sys/memory-map.js'
import { closeFd, sendWithFds } from '../sys/unix-socket.js'
import { PROTOCOL_F } from '../vhost-user/requests.js'
import { decodeRecord, encodeRecord } from '../vhost-user/session-record.js'
import { VIRTIO_F } from '../virtio/virtio.js'
import { GuestMemory } from './guest-memory.js'
import { SplitRing } from './split-ring.js'

const PROTOCOL = ALL & ~PROTOCOL_F.INBAND_NOTIFICATIONS
const RINGS = 4

let site: KeptSessionSite
let memory: GuestMemory
let before: string[]
beforeEach(() => {
  before = passedFiles()
  memory = new GuestMemory([
    { guestAddress: 0, sizeBytes: 1 << 20 },
    { guestAddress: 2 ** 32, sizeBytes: 1 << 20 },
  ])
  site = new KeptSessionSite()
  site.frontendGets = (reply) => sendWithFds(site.socket, reply)
})
afterEach(() => {
  site.close()
  memory.close()
  expect(passedFiles()).toEqual(before)
})

function negotiate(wanted = PROTOCOL): void {
  site.frontend.negotiate(FEATURES | VIRTIO_F.VHOST_USER_F_PROTOCOL_FEATURES, wanted)
}

/** What a device knows after all that it was told. */
function known({ calls, status, regions }: RecordingDevice): unknown {
  const rings = Array.from({ length: RINGS }, () => ({}) as Record<string, unknown>)
  let features: unknown
  const memory = new Set<unknown>()
  for (const [name, ...args] of calls) {
    const ring = rings[args[0] as number] as Record<string, unknown>
    if (name === 'features') features = args[0]
    else if (name === 'memory') {
      memory.clear()
      for (const { guestAddress } of regions.slice(0, args[0] as number)) memory.add(guestAddress)
    } else if (name === 'add') memory.add(args[0])
    else if (name === 'remove') memory.delete(args[0])
    else if (name === 'stop') {
      delete ring.kick
      ring.base = 41 + (args[0] as number)
    } else if (name === 'reset') {
      features = 0n
      for (const each of rings) for (const key of Object.keys(each)) if (key !== 'base') delete each[key]
    }
    if (['size', 'base', 'addresses', 'kick', 'call', 'err'].includes(name)) ring[name] = args[1]
    if (name === 'enable') ring.enable = args[1] === true ? true : undefined
  }
  return {
    features,
    memory: [...memory].sort(),
    rings: rings.map((ring) =>
      JSON.stringify(
        Object.entries(ring)
          .filter(([, value]) => value !== undefined)
          .sort(),
      ),
    ),
    status,
  }
}

/** Something that a frontend may say. */
function say(random: (below: number) => number): void {
  const { frontend } = site
  const ring = random(RINGS)
  const eventfd = createEventfd()
  const started = (): void => {
    const split = new SplitRing(memory, 16)
    frontend.setVringNum(ring, 16)
    frontend.setVringAddr(
      ring,
      ...([split.desc, split.avail, split.used].map((at) => memory.userAddressOf(at)) as [
        number,
        number,
        number,
      ]),
    )
    frontend.setVringKick(ring, random(3) === 2 ? -1 : eventfd)
  }
  const all: (() => unknown)[] = [
    started,
    started,
    () => frontend.setVringCall(ring, eventfd),
    () => frontend.setVringErr(ring, eventfd),
    () => frontend.setVringEnable(ring, random(2) === 0),
    () => frontend.setVringBase(ring, random(100)),
    () => frontend.getVringBase(ring),
    () => frontend.setMemTable(memory.regions),
    () => frontend.getFeatures(),
    () => frontend.getConfig(0, 6),
    () => frontend.setStatus(1 + random(15)),
    () => frontend.setMtu(random(2) === 0 ? 1500 : 9001),
    () => frontend.setConfig(random(4), Uint8Array.of(1, 2), random(2) === 0),
    () => frontend.openBackendChannel(),
    () => closeFd(frontend.getInflight(2, 16).fd),
    () => random(4) === 0 && frontend.resetDevice(),
    () => random(4) === 0 && frontend.setFeatures(frontend.features),
    () => frontend.removeMemReg(memory.regions[1] as never) && frontend.addMemReg(memory.regions[1] as never),
  ]
  pick(random, all)()
  closeFd(eventfd)
}

describe('SessionKeeper', () => {
  test('keeps what a frontend hands over, and empties the store when it goes', () => {
    negotiate()
    site.frontend.setMemTable(memory.regions)
    say(() => 0)
    const names = site.manager.stored().map(({ name }) => name)
    expect(names.length).toBeGreaterThan(4)
    expect(new Set(names).size).toBe(names.length)
    expect(names.every((name) => /^ringferry-(record|socket|d\d+)-g1$/.test(name))).toBe(true)
    site.frontend.close()
    site.serve()
    expect(site.manager.stored()).toEqual([])
  })

  test.each([
    1, 2, 3, 4, 5, 6,
  ])('a device that takes a connection up knows what the one before knew (seed %i)', (seed) => {
    const random = randomOf(seed)
    negotiate()
    site.frontend.setMemTable(memory.regions)
    for (let round = 0; round < 40; round++) {
      say(random)
      if (round % 5 !== 0) continue
      const was = known(site.device)
      site.restart()
      expect(site.refusal).toBeUndefined()
      expect(known(site.device)).toEqual(was)
    }
  })

  test.each(KILLS)('a frontend has each reply once when the process ends: %s', (kill) => {
    negotiate()
    site.frontend.setMemTable(memory.regions)
    for (let round = 0; round < 20; round++) {
      site.kill = kill
      // The frontend fails on a reply that is not to its request, or that does not come.
      if (round % 2 === 0) site.frontend.getConfig(0, 6)
      else expect(site.frontend.setVringNum(0, 1 << (round % 4))).toBe(true)
      expect([site.kill, site.refusal]).toEqual([undefined, undefined])
    }
    expect(site.device.named('size').at(-1)).toEqual([0, 8])
  })

  test('a guest that ends the switch whenever its message is served is let go', () => {
    negotiate()
    site.kill = 'before'
    site.frontend.channel.send(15, 0, new Uint8Array(0))
    for (let tries = 0; tries < 3; tries++) {
      site.kill = 'before'
      site.serve()
    }
    expect(site.refusal).toBe('3 times the switch ended when it was served')
    expect(site.manager.stored()).toEqual([])
  })

  test('a connection is not taken up in the middle of a message that comes in pieces', () => {
    negotiate()
    site.frontend.channel.sendRaw(Uint8Array.of(1, 0, 0, 0, 1))
    site.serve()
    site.restart()
    expect(site.refusal).toBe('something was missing at the moment')
  })

  test.each(['record', 'socket', 'd0'])('a connection is let go when %s is not in the store', (label) => {
    negotiate()
    site.frontend.setMemTable(memory.regions)
    site.restart((fds) => {
      closeFd(fds.get(label) as number)
      fds.delete(label)
    })
    expect(site.refusal).toMatch(label === 'socket' ? 'it has gone' : 'is not there')
    expect(site.manager.stored().length).toBeLessThanOrEqual(1)
  })

  test('a message gets no descriptors of the one that waits behind it', () => {
    negotiate(PROTOCOL & ~PROTOCOL_F.REPLY_ACK)
    const fd = createEventfd()
    site.frontend.setVringNum(0, 16)
    site.frontend.setVringCall(0, -1)
    site.frontend.setVringCall(1, fd)
    closeFd(fd)
    for (let reads = 0; reads < 20; reads++) site.serve()
    expect(site.session.reason).toBeUndefined()
    expect(site.device.named('call')).toEqual([
      [0, false],
      [1, true],
    ])
  })

  test('a connection is let go when its record cannot be written, or is none', () => {
    for (const other of [
      (fd: number) => openSync(`/proc/self/fd/${fd}`, 'r'),
      () => createMemfd('x', 4096),
      createEventfd,
    ]) {
      negotiate()
      site.restart((fds) => {
        const fd = fds.get('record') as number
        fds.set('record', other(fd))
        closeFd(fd)
      })
      expect(site.refusal).toMatch(/cannot be written|is none|cannot be read/)
      site.close()
      site = new KeptSessionSite()
    }
  })

  test('whatever a frontend sends, nothing of it stays open or in the store when it has gone', () => {
    const random = randomOf(5)
    for (let round = 0; round < 300; round++) {
      const fds = Array.from({ length: random(4) === 0 ? random(10) : random(2) }, () =>
        pick(random, [createEventfd, () => createMemfd('x', 4096)])(),
      )
      const message = new Uint8Array(12 + random(48))
      new DataView(message.buffer).setUint32(0, 1 + random(44), true)
      new DataView(message.buffer).setUint32(4, random(8) === 0 ? random(16) : 9, true)
      new DataView(message.buffer).setUint32(8, random(4) === 0 ? random(5000) : message.length - 12, true)
      for (let at = 12; at < message.length; at += 1 + random(8)) message[at] = random(256)
      const cut = random(4) === 0 ? random(message.length) : message.length
      sendWithFds(site.frontend.channel.fd, message.subarray(0, cut), fds)
      for (const fd of fds) closeFd(fd)
      for (let reads = 0; reads < 3; reads++) site.serve()
      if (random(8) === 0 && site.refusal === undefined) site.restart()
      if (site.refusal === undefined) continue
      expect(site.manager.stored()).toEqual([])
      site.close()
      site = new KeptSessionSite()
      if (random(2) === 0) negotiate()
    }
  })

  test('whatever a record says, a connection is taken up or let go, and nothing stays open', () => {
    const random = randomOf(99)
    negotiate()
    site.frontend.setMemTable(memory.regions)
    say(() => 0)
    const bytes = new Uint8Array(2 * 262_144)
    let letGo = 0
    for (let round = 0; round < 200; round++) {
      site.restart((fds) => {
        const fd = fds.get('record') as number
        readSync(fd, bytes, 0, bytes.length, 0)
        for (let changes = random(4); changes > 0; changes--)
          writeSync(
            fd,
            Uint8Array.of(random(256)),
            0,
            1,
            pick(random, [random(24), 4096 + random(600), 4096 + 262_144 + random(600)]),
          )
      })
      if (site.refusal === undefined) continue
      letGo++
      site.close()
      site = new KeptSessionSite()
      negotiate()
      site.frontend.setMemTable(memory.regions)
      say(() => 0)
    }
    expect(letGo).toBeGreaterThan(50)
  })
})

describe('decodeRecord', () => {
  const message = { request: 8, payload: Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0), labels: [] }
  const record = { identity: 'x', messages: [message], served: Uint8Array.of(1), reply: new Uint8Array(0) }

  test('reads what encodeRecord writes', () => expect(decodeRecord(encodeRecord(record))).toEqual(record))

  test.each([
    ['', /no JSON/],
    ['[1', /no JSON/],
    ['null', /no object/],
    ['{"version":2}', /version 2, not 1/],
    [encodeRecord(record).replace('"served":"01"', '"served":"1"'), /malformed/],
    [encodeRecord(record).replace('[8,', '[1,'), /malformed message/],
    [encodeRecord(record).replace('[]]', '["../x"]]'), /malformed message/],
    [encodeRecord(record).replace('[]]', '[]],7'), /malformed message/],
  ])('says what is wrong with %j', (text, expected) => expect(decodeRecord(text)).toMatch(expected))

  test('never throws, whatever the text', () => {
    const random = randomOf(7)
    const text = encodeRecord(record)
    for (let round = 0; round < 3000; round++) {
      const at = random(text.length)
      const piece = pick(random, ['', '"', '[', ']', '{}', 'null', '-1', '1e999', '\u0000', '","'])
      const result = decodeRecord(text.slice(0, at) + piece + text.slice(at + random(4)))
      expect(['string', 'object']).toContain(typeof result)
    }
  })
})
