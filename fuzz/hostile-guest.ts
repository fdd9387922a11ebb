/**
 * Fuzzing of the rings: a guest that writes whatever it likes into its descriptor tables, indices, headers
 * and indirect tables, while two honest guests exchange frames that must arrive byte by byte.
 *
 *   honest a <──> honest b        hostile ──> anything, over a socket, attached anew whenever it is detached
 *
 * Structure-aware: most of what the hostile guest writes is nearly right, so that it reaches the code behind
 * the first check. Honest frames travel in a VLAN of their own, so that the bridge itself has no reason to send
 * them elsewhere.
 */
import { ftruncateSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GRANULE_BYTES } from '../src/core/layout.js'
import { FrontendLog } from '../src/driver/frontend-log.js'
import { EmbeddedGuest, LINUX_FEATURES } from '../src/embedded/guest.js'
import { Engine } from '../src/engine/engine.js'
import { socketPair } from '../src/sys/unix-socket.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../src/virtio/virtio.js'
import { Flow } from '../test/model/flows.js'
import { pick, type Random, randomOf } from './random.js'

export interface FuzzOptions {
  readonly seed: number
  /** Rounds at most, and time at most in milliseconds. */
  readonly rounds: number
  readonly timeMs: number
  /** Linear memory in bytes: with 32 MB the hostile guest is mapped granule by granule. */
  readonly memoryBytes: number
}

export interface FuzzResult {
  readonly rounds: number
  /** Honest frames that arrived as they were sent. */
  readonly honest: number
  /** Why the hostile guest was detached, and how often. */
  readonly detachments: ReadonlyMap<string, number>
  /** What went wrong, or undefined. */
  readonly failure: string | undefined
}

const MB = 2 ** 20
const REGIONS = [
  { guestAddress: 0, sizeBytes: 24 * MB },
  { guestAddress: 32 * MB, sizeBytes: 8 * MB + 4096 },
]
/** Where the hostile guest keeps packets and indirect tables. */
const PACKETS = 20 * MB
const TABLES = 22 * MB - 64
const CANARY_BYTES = MB
/** Honest frames are tagged, and the hostile port does not carry their VLAN: it cannot replay what it never sees. */
const HONEST_VLAN = 5
/** Untagged: what reaches the hostile guest's receive ring. */
const BAIT = Uint8Array.from([
  255,
  255,
  255,
  255,
  255,
  255,
  2,
  5,
  5,
  5,
  5,
  5,
  8,
  6,
  ...new Array<number>(900).fill(3),
])

function addressOf(random: Random): number {
  const base = pick(random, [
    PACKETS,
    PACKETS,
    PACKETS,
    PACKETS,
    0,
    TABLES,
    33 * MB,
    24 * MB,
    40 * MB + 4096,
    2 ** 33,
    2 ** 52,
  ])
  const granule = (4 + random(18)) * GRANULE_BYTES
  return pick(random, [base + random(8192), base + random(8192), base - random(64), granule - random(80)])
}

function lengthOf(random: Random): number {
  return pick(random, [
    12,
    60 + random(1500),
    72,
    random(40),
    0,
    1,
    4096,
    65_560,
    65_573,
    0xffff_ffff,
    2 ** 31,
    GRANULE_BYTES,
  ])
}

/** Writes descriptors into a table; mostly short chains that end. */
function writeTable(
  guest: EmbeddedGuest,
  random: Random,
  table: number,
  entries: number,
  writable: boolean,
): void {
  const { data } = guest.memory
  for (let i = 0; i < entries; i++) {
    const at = guest.memory.offsetOf(table + i * 16)
    if (at < 0) return
    let flags = writable ? 2 : 0
    if (random(3) === 0) flags |= 1
    if (random(25) === 0) flags ^= 2
    if (random(12) === 0) flags = pick(random, [4, 4, 4, 5, 6, 7, 0xfff8, 0xffff])
    const isTable = (flags & 4) !== 0
    const address = isTable ? TABLES + random(4) * 16 : addressOf(random)
    const bytes = isTable
      ? pick(random, [16, 32, 64, 160, 0, 7, 16 * 1024, 16 * 1025, 2 ** 30])
      : lengthOf(random)
    data.setBigUint64(at, BigInt(Math.max(0, address)), true)
    data.setUint32(at + 8, bytes, true)
    data.setUint16(at + 12, flags, true)
    data.setUint16(at + 14, pick(random, [(i + 1) % entries, random(entries), i, 0xffff]), true)
  }
}

/** Fills the packets' area with headers and frames at every likely place. */
function writePackets(guest: EmbeddedGuest, random: Random): void {
  const { u8, data } = guest.memory
  for (let at = PACKETS; at < PACKETS + 8192; at += 64) {
    for (let i = 0; i < 64; i++) u8[at + i] = random(256)
    u8[at] = pick(random, [0, 0, 1, 1, 2, 255])
    u8[at + 1] = pick(random, [0, 0, 1, 4, 5, 3, 0x81, 0x80, 255])
    data.setUint16(at + 4, pick(random, [0, 1, 39, 40, 1448, 65535]), true)
    data.setUint16(at + 6, pick(random, [14, 34, 54, 18, 0, 250, 65535]), true)
    data.setUint16(at + 8, pick(random, [16, 6, 0, 238, 65535]), true)
    u8.set(
      pick(random, [
        [255, 255, 255, 255, 255, 255],
        [2, 9, 9, 9, 9, 9],
        [1, 0x80, 0xc2, 0, 0, 1],
      ]),
      at + 12,
    )
    u8.set(
      pick(random, [
        [2, 6, 6, 6, 6, random(8)],
        [1, 6, 6, 6, 6, 6],
        [0, 0, 0, 0, 0, 0],
      ]),
      at + 18,
    )
    u8.set(
      pick(random, [
        [8, 0, 0x45],
        [0x86, 0xdd, 0x60],
        [0x81, 0, 0],
        [8, 6, 0],
      ]),
      at + 24,
    )
  }
}

/** One act of the hostile guest. */
function attack(guest: EmbeddedGuest, random: Random): void {
  const { data } = guest.memory
  const number = pick(random, [0, 1, 1, 1])
  const ring = guest.driver.rings[number] as (typeof guest.driver.rings)[0]
  writePackets(guest, random)
  writeTable(guest, random, ring.desc, ring.size, number === 0)
  writeTable(guest, random, TABLES, 80, number === 0)
  for (let i = 0; i < ring.size; i++)
    data.setUint16(ring.avail + 4 + i * 2, random(200) === 0 ? random(65536) : random(ring.size), true)
  const idx = data.getUint16(ring.used + 2, true)
  const ahead = random(60) === 0 ? random(65536) : 1 + random(ring.size)
  data.setUint16(ring.avail + 2, (idx + ahead) & 0xffff, true)
  data.setUint16(ring.avail, random(4) === 0 ? random(65536) : 0, true)
  data.setUint16(ring.avail + 4 + ring.size * 2, random(65536), true)
  if (random(20) === 0) data.setUint16(ring.used + 2, random(65536), true)
  guest.driver.kick(number)
}

/** What a VMM may do that migrates the hostile guest: a log of any size that it cuts, replaces, takes back. */
function attackLog({ frontend, memory }: EmbeddedGuest, log: FrontendLog, random: Random): void {
  const file = {
    sizeBytes: pick(random, [...new Array<number>(8).fill(log.sizeBytes), 0, 8, 24, 4096, 2 ** 40]),
    fileOffset: pick(random, [...new Array<number>(12).fill(0), 4, 4096]),
  }
  try {
    if (random(2) === 0) frontend.setLogBase(file, random(12) === 0 ? (memory.regions[0]?.fd ?? -1) : log.fd)
    frontend.logAll(random(3) > 0)
    if (random(30) === 0) ftruncateSync(log.fd, pick(random, [0, 4096]))
  } catch {
    // It was detached for what it gave.
  }
}

const FEATURE_SETS = [
  LINUX_FEATURES,
  LINUX_FEATURES & ~VIRTIO_NET_F.MRG_RXBUF,
  VIRTIO_F.VERSION_1 | VIRTIO_F.INDIRECT_DESC,
  VIRTIO_F.VERSION_1 |
    VIRTIO_F.EVENT_IDX |
    VIRTIO_NET_F.CSUM |
    VIRTIO_NET_F.HOST_TSO4 |
    VIRTIO_NET_F.HOST_USO,
  0n,
]

function honestFrame(random: Random, from: number): Uint8Array {
  const frame = Uint8Array.from({ length: 60 + random(1900) }, () => random(256))
  const to = random(2) === 0 ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, 3 - from]
  frame.set([...to, 2, 0, 0, 0, 0, from, 0x81, 0, 0, HONEST_VLAN, 0x88, 0xb5])
  return frame
}

/** Takes frames until one of the honest VLAN comes: nobody else may send there. */
function receiveHonest(guest: EmbeddedGuest): Uint8Array | undefined {
  for (;;) {
    const got = guest.driver.receive()
    if (!got) return undefined
    const { frame } = got
    if (frame[12] === 0x81 && frame[13] === 0 && frame[15] === HONEST_VLAN) return frame
  }
}

/** Runs until a failure, the rounds or the time are over. Leaves nothing behind. */
export function fuzzRings(options: FuzzOptions): FuzzResult {
  const random = randomOf(options.seed)
  const directory = mkdtempSync(join(tmpdir(), 'ringferry-fuzz-'))
  const socket = join(directory, 'hostile')
  const engine = new Engine({ memoryBytes: options.memoryBytes })
  const pump = (): void => void engine.step()
  const honest = ['a', 'b'].map((name) => {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name, fd: ours })
    const guest = new EmbeddedGuest(theirs, {
      memory: 6 * MB,
      ringSize: 256,
      txSlotBytes: 2048,
      features: LINUX_FEATURES,
      pump,
    })
    guest.memory.u8.fill(0xa5, guest.memory.sizeBytes - CANARY_BYTES)
    return guest
  }) as [EmbeddedGuest, EmbeddedGuest]
  engine.addPort({ kind: 'vif', name: 'hostile', socket, trunk: [1], nativeVlan: 0 })
  const detachments = new Map<string, number>()
  const flow = new Flow({ stamps: true })
  let hostile: EmbeddedGuest | undefined
  let log: FrontendLog | undefined
  const release = (): void => {
    hostile?.close()
    log?.close()
    hostile = undefined
    log = undefined
  }
  let rounds = 0
  let arrived = 0
  let failure: string | undefined
  const end = performance.now() + options.timeMs
  try {
    while (rounds < options.rounds && performance.now() < end && failure === undefined) {
      rounds++
      hostile ??= new EmbeddedGuest(socket, {
        memory: REGIONS,
        ringSize: pick(random, [1, 2, 16, 64]),
        features: pick(random, FEATURE_SETS),
        bufferBytes: 2048,
        txSlotBytes: 2048,
        pump,
      })
      const [from, to] = rounds % 2 === 0 ? honest : ([honest[1], honest[0]] as const)
      const frame = honestFrame(random, rounds % 2 === 0 ? 1 : 2)
      if (!from.driver.send(frame) || !from.driver.send(BAIT)) failure = 'an honest guest could not send'
      // Segments that are merged in the hostile guest's receive ring, and in the other honest one's.
      for (let i = random(6); i > 0; i--) {
        const segment = flow.next(random(3) === 0 ? 1 + random(1400) : 1400)
        segment.fill(0xff, 0, 6)
        if (!from.driver.send(segment)) failure = 'an honest guest could not send'
      }
      log ??= new FrontendLog(pick(random, [48 * MB, 48 * MB, 48 * MB, MB]))
      if (random(4) === 0) attackLog(hostile, log, random)
      attack(hostile, random)
      for (let turn = 0; turn < 3; turn++) engine.step()
      let got = receiveHonest(to)
      for (let turn = 0; turn < 50 && !got; turn++) {
        engine.step()
        got = receiveHonest(to)
      }
      if (!got || Buffer.compare(got, frame) !== 0)
        failure = got ? 'an honest frame was altered' : 'an honest frame was lost'
      else arrived++
      while (receiveHonest(from)) failure = 'an honest frame came back'
      const status = engine.ports[2]?.status()
      if (status?.state === 'waiting') {
        const reason = status.reason ?? ''
        detachments.set(reason, (detachments.get(reason) ?? 0) + 1)
        if (reason === '') failure = 'the hostile guest was detached without a reason'
        release()
        engine.step()
      }
      for (const guest of honest)
        if (rounds % 64 === 0 && guest.memory.u8.subarray(-CANARY_BYTES).some((byte) => byte !== 0xa5))
          failure = 'memory of an honest guest was altered'
      if (honest.some((guest) => guest.driver.rxMalformed > 0))
        failure = 'an honest guest got a malformed frame'
      if (engine.ports.slice(0, 2).some((port) => port.status().state !== 'up'))
        failure = 'an honest guest was detached'
    }
  } finally {
    release()
    for (const guest of honest) guest.close()
    engine.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return { rounds, honest: arrived, detachments, failure }
}
