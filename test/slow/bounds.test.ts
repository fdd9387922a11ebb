/** What a peer can ask without end, each beside a healthy pair: nobody else is later than 100 ms. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { GuestMemory } from '../../src/driver/guest-memory.js'
import { SplitRing } from '../../src/driver/split-ring.js'
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { signalEventfd } from '../../src/sys/eventfd.js'
import { createMemfd } from '../../src/sys/memory-map.js'
import { closeFd, connectUnix, receiveWithFds, sendWithFds } from '../../src/sys/unix-socket.js'
import { encodeInflight, encodeMemoryTable, encodeMessage } from '../../src/vhost-user/messages.js'
import { PROTOCOL_F, REQUEST } from '../../src/vhost-user/requests.js'
import { VIRTIO_F, VIRTQ_DESC_F } from '../../src/virtio/virtio.js'
import { BesideHealthyPair, UNHARMED } from '../support/healthy-pair.js'

const MB = 2 ** 20
const ATTACK_MS = 700

let site: BesideHealthyPair
let frontend: VhostUserFrontend | undefined
let memory: GuestMemory | undefined

afterEach(async () => {
  frontend?.close()
  memory?.close()
  frontend = undefined
  memory = undefined
  await site.end()
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Does something as fast as it can be done, for a while, and until what it must bring about has happened. */
async function flood(attack: () => void, isEnough = () => true): Promise<void> {
  for (const endMs = Date.now() + ATTACK_MS; Date.now() < endMs || !isEnough(); await pause(1))
    for (let index = 0; index < 50; index++) attack()
}

async function connect(protocol: bigint): Promise<VhostUserFrontend> {
  site = await BesideHealthyPair.start(['evil'])
  frontend = new VhostUserFrontend(site.path('evil'))
  frontend.negotiate(VIRTIO_F.VERSION_1 | VIRTIO_F.INDIRECT_DESC, protocol)
  return frontend
}

/** Sends a message whenever the socket takes one, and throws the replies away. */
async function floodMessages(fd: number, message: Uint8Array, fds: readonly number[] = []): Promise<void> {
  await flood(() => {
    sendWithFds(fd, message, fds)
    const reply = receiveWithFds(fd, 4096)
    for (const received of reply?.fds ?? []) closeFd(received)
  })
}

describe('a healthy pair is not late', () => {
  it('when a peer sends requests without end', async () => {
    const { channel } = await connect(0n)
    await floodMessages(channel.fd, encodeMessage(REQUEST.GET_FEATURES, 0))
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('when a peer asks for the largest inflight area without end', async () => {
    const { channel } = await connect(PROTOCOL_F.INFLIGHT_SHMFD)
    const wish = encodeInflight({ sizeBytes: 0, offset: 0, queues: 3, queueSize: 32768 }, 24)
    await floodMessages(channel.fd, encodeMessage(REQUEST.GET_INFLIGHT_FD, 0, wish))
    expect(await site.end()).toEqual(UNHARMED)
  })

  it.each([
    ['2 GB', 2 ** 31],
    ['1 TB', 2 ** 40],
  ])('when a peer replaces a memory table of %s without end', async (_, sizeBytes) => {
    const { channel } = await connect(PROTOCOL_F.REPLY_ACK)
    const fd = createMemfd('ringferry-test', sizeBytes)
    const table = encodeMemoryTable([{ guestAddress: 0, sizeBytes, userAddress: 2 ** 42, fileOffset: 0 }])
    await floodMessages(channel.fd, encodeMessage(REQUEST.SET_MEM_TABLE, 0, table), [fd])
    closeFd(fd)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('when peers come and go without end', async () => {
    site = await BesideHealthyPair.start(['evil'])
    await flood(() => {
      const fd = connectUnix(site.path('evil'))
      if (fd >= 0) closeFd(fd)
    })
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('when a peer kicks without end: its kicks are ignored for a while', async () => {
    const peer = await connect(PROTOCOL_F.REPLY_ACK)
    memory = new GuestMemory(16 * MB)
    const events = peer.start(memory, [new SplitRing(memory, 256), new SplitRing(memory, 256)])
    await flood(
      () => {
        for (const { kickFd } of events) signalEventfd(kickFd)
      },
      () => (site.switch.port('evil')?.counters.muted_kicks ?? 0) > 0,
    )
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('when chains are as long as the largest ring and empty', async () => {
    const peer = await connect(PROTOCOL_F.REPLY_ACK)
    memory = new GuestMemory(16 * MB)
    const rings = [new SplitRing(memory, 256), new SplitRing(memory, 32768)]
    const events = peer.start(memory, rings)
    const tx = rings[1] as SplitRing
    for (let index = 0; index < tx.size; index++) {
      memory.data.setUint16(tx.desc + index * 16 + 12, VIRTQ_DESC_F.NEXT, true)
      memory.data.setUint16(tx.desc + index * 16 + 14, (index + 1) % tx.size, true)
    }
    const { data } = memory
    await flood(() => {
      data.setUint16(tx.avail + 2, data.getUint16(tx.used + 2, true) + 16384, true)
      signalEventfd(events[1]?.kickFd as number)
    })
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('when no descriptors are left: a connection waits until there are some', async () => {
    site = await BesideHealthyPair.start(['late'])
    const { pid } = site.switch
    const limit = (count: number) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:4096`])
    const open = () => new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
    // None below the limit is free: one that was open for a moment only, as the limit was set, lowers it once more.
    for (let count = 4096, before = 0; count !== before; ) {
      before = count
      const used = open()
      for (count = 0; used.has(count); ) count++
      limit(count)
    }
    const waiting = connectUnix(site.path('late'))
    await site.told('late', 'error', 'EMFILE')
    limit(4096)
    await site.told('late', 'attached')
    closeFd(waiting)
    expect(await site.end()).toEqual(UNHARMED)
  })
})
