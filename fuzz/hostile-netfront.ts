/**
 * Fuzzing of netif rings: a modelled frontend that writes whatever it likes into its requests, indices, grants and extra
 * information, while an honest one under the same Xen and an honest guest with vrings exchange frames that must arrive
 * byte by byte. Most of what it writes is nearly right, so that it reaches the code behind the first check.
 */
import { ModelXen } from '../src/driver/xen/machine.js'
import { Netfront } from '../src/driver/xen/netfront.js'
import { EmbeddedGuest } from '../src/embedded/guest.js'
import { Engine } from '../src/engine/engine.js'
import { NetifPort } from '../src/port/xen/netif-port.js'
import { socketPair } from '../src/sys/unix-socket.js'
import { EXTRA, RING } from '../src/xen/netif.js'
import type { FuzzResult } from './hostile-guest.js'
import { pick, type Random, randomOf } from './random.js'

export interface NetfrontFuzzOptions {
  readonly seed: number
  /** Rounds at most, and time at most in milliseconds. */
  readonly rounds: number
  readonly timeMs: number
}

const MB = 2 ** 20
/** Honest frames are tagged, and the hostile port does not carry their VLAN. */
const HONEST_VLAN = 5
const BROADCAST = [255, 255, 255, 255, 255, 255]

function honestFrame(random: Random, from: number): Uint8Array {
  const frame = Uint8Array.from({ length: 60 + random(5000) }, () => random(256))
  const to = random(2) === 0 ? BROADCAST : [2, 0, 0, 0, 0, 3 - from]
  frame.set([...to, 2, 0, 0, 0, 0, from, 0x81, 0, 0, HONEST_VLAN, 0x88, 0xb5])
  return frame
}

function isHonest(frame: Uint8Array): boolean {
  return frame[12] === 0x81 && frame[13] === 0 && frame[15] === HONEST_VLAN
}

/** A request that is nearly right. */
function writeRequest({ tx }: Netfront['queues'][0], random: Random): void {
  tx.request({
    reference: random(20) === 0 ? random(2000) : tx.reference(random(256)),
    offset: pick(random, [0, 0, 0, random(4096), 4000, 65535]),
    flags: pick(random, [0, 0, 0, 1, 3, 4, 4, 4, 5, 8, 12, 13, random(65536)]),
    id: pick(random, [random(256), random(65536)]),
    size: pick(random, [14, 60, 60, 60, 100, 1500, 4000, 9000, 0, 13, 65535, random(65536)]),
  })
}

function writeExtra({ tx }: Netfront['queues'][0], random: Random): void {
  tx.extra(
    pick(random, [1, 1, 1, 1, 2, 3, 4, 5, 0, 6, 255]),
    pick(random, [0, 0, 0, 1, 255]),
    (data, entry) => {
      data.setUint16(entry + EXTRA.GSO_SIZE, pick(random, [1448, 1, 0, 65535]), true)
      data.setUint8(entry + EXTRA.GSO_TYPE, pick(random, [1, 1, 2, 0, 3]))
    },
  )
}

/** A page of headers that mean something, at a random place. */
function writePage(front: Netfront, random: Random): void {
  const bytes = front.domain.page(random(512) + 1)
  for (let at = 0; at < 64; at++) bytes[at] = random(256)
  bytes.set(pick(random, [BROADCAST, [2, 9, 9, 9, 9, 9], [2, 0, 0, 0, 0, 1]]), 0)
  bytes.set([2, 6, 6, 6, 6, random(8)], 6)
  bytes.set(
    pick(random, [
      [8, 0, 0x45],
      [0x86, 0xdd, 0x60],
      [0x81, 0, 0],
      [8, 6, 0],
    ]),
    12,
  )
  bytes[23] = pick(random, [6, 17, 1])
}

/** One act of the hostile frontend. */
function attack(front: Netfront, random: Random): void {
  const queue = pick(random, front.queues)
  for (let pages = 0; pages < 4; pages++) writePage(front, random)
  for (let requests = random(12); requests > 0; requests--)
    if (random(6) === 0) writeExtra(queue, random)
    else writeRequest(queue, random)
  queue.tx.ring.push()
  queue.tx.reap()
  queue.rx.receive()
  const { data } = pick(random, [queue.tx.ring, queue.rx.ring])
  if (random(8) === 0) queue.rx.fill()
  if (random(40) === 0)
    data.setUint32(pick(random, Object.values(RING)), pick(random, [0, random(600), 2 ** 31]), true)
  // Requests and responses that change under the switch's hands.
  for (let words = random(6); words > 0; words--) data.setUint32(64 + random(1000) * 4, random(2 ** 31), true)
  if (random(10) === 0) front.domain.revoke(queue.rx.reference(random(256)))
  queue.txChannel.channel.signal()
}

/** Runs until a failure, the rounds or the time are over. Leaves nothing behind. */
export function fuzzNetif({ seed, rounds: most, timeMs }: NetfrontFuzzOptions): FuzzResult {
  const random = randomOf(seed)
  const engine = new Engine({ memoryBytes: 64 * MB })
  const xen = new ModelXen(engine.memory.u8)
  let domains = 1
  const addPort = (name: string, settings: object): NetifPort =>
    engine.addPort({ kind: 'embedded', name, fd: -1, merge: false, ...settings }, (host, index, config) => {
      return new NetifPort(host, index, config, { grants: xen.grants, channels: xen.openChannels() })
    }) as NetifPort
  const plug = (port: NetifPort, queues: number): Netfront => {
    const front = new Netfront(xen, xen.addDomain(domains++), { queues })
    port.connect(front.published)
    return front
  }
  const honest = plug(addPort('honest', {}), 1)
  const [ours, theirs] = socketPair()
  engine.addPort({ kind: 'embedded', name: 'guest', fd: ours, merge: false })
  const guest = new EmbeddedGuest(theirs, { memory: 6 * MB, txSlotBytes: 8192, pump: () => engine.step() })
  const hostilePort = addPort('hostile', { trunk: [1], nativeVlan: 0 })
  const detachments = new Map<string, number>()
  let hostile: Netfront | undefined
  let rounds = 0
  let arrived = 0
  let failure: string | undefined
  const end = performance.now() + timeMs
  const take = (isForth: boolean): Uint8Array | undefined => {
    for (;;) {
      const got = isForth ? guest.driver.receive() : honest.receive()
      if (!got || isHonest(got.frame)) return got?.frame
    }
  }
  try {
    while (rounds < most && performance.now() < end && failure === undefined) {
      rounds++
      hostile ??= plug(hostilePort, 1 + random(3))
      const isForth = rounds % 2 === 0
      const frame = honestFrame(random, isForth ? 1 : 2)
      const bait = Uint8Array.from([
        ...BROADCAST,
        2,
        5,
        5,
        5,
        5,
        5,
        8,
        6,
        ...new Array<number>(random(900) + 46).fill(3),
      ])
      for (const each of [frame, bait])
        if (!(isForth ? honest.send(each) : guest.driver.send(each)))
          failure = 'an honest guest could not send'
      attack(hostile, random)
      let got: Uint8Array | undefined
      for (let turn = 0; turn < 50 && !got; turn++) {
        engine.step()
        got = take(isForth)
      }
      if (!got || Buffer.compare(got, frame) !== 0)
        failure = got ? 'an honest frame was altered' : 'an honest frame was lost'
      else arrived++
      if (take(!isForth)) failure = 'an honest frame came back'
      const { state, reason = '' } = hostilePort.status()
      if (state === 'waiting') {
        detachments.set(reason, (detachments.get(reason) ?? 0) + 1)
        if (reason === '') failure = 'the hostile frontend was detached without a reason'
        xen.grants.removeDomain(hostile.domain.id)
        hostile = undefined
      }
      const { tx, rx } = honest.queues[0] as Netfront['queues'][0]
      if (tx.errors + rx.errors + rx.malformed + guest.driver.rxMalformed > 0)
        failure = 'an honest guest got an error or a malformed frame'
      if (engine.ports.slice(0, 2).some((port) => port.status().state !== 'up'))
        failure = 'an honest guest was detached'
    }
  } finally {
    guest.close()
    engine.close()
  }
  return { rounds, honest: arrived, detachments, failure }
}
