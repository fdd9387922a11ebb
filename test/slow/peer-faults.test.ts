// What a peer can make the kernel refuse: that port is detached with the reason, and nobody else notices.
import { execFileSync } from 'node:child_process'
import { constants, mkdirSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { GuestMemory } from '../../src/driver/guest-memory.js'
import { NetDriver } from '../../src/driver/net-driver.js'
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { EmbeddedGuest, LINUX_FEATURES } from '../../src/embedded/guest.js'
import { EPOLLIN } from '../../src/sys/epoll.js'
import { signalEventfd } from '../../src/sys/eventfd.js'
import { libc } from '../../src/sys/libc.js'
import { createMemfd } from '../../src/sys/memory-map.js'
import { NativeBuffer } from '../../src/sys/native-buffer.js'
import { closeFd } from '../../src/sys/unix-socket.js'
import { PROTOCOL_F } from '../../src/vhost-user/requests.js'
import { BesideHealthyPair, UNHARMED } from '../support/healthy-pair.js'

const SIZE_BYTES = 4 * 2 ** 20
const O_PATH = 0x200000
const MFD_ALLOW_SEALING = 2
const F_ADD_SEALS = 1033
const F_SEAL_WRITE = 8
const F_SEAL_FUTURE_WRITE = 16

let site: BesideHealthyPair | undefined
afterEach(async () => {
  await site?.end()
  site = undefined
})

function sealed(seal: number): number {
  const fd = libc.memfd_create('sealed', MFD_ALLOW_SEALING)
  libc.ftruncate(fd, SIZE_BYTES)
  libc.fcntl(fd, F_ADD_SEALS, seal)
  return fd
}

/** An ordinary file of the size of the memory, opened in some way. */
function file(flags: number): number {
  const path = `${(site as BesideHealthyPair).switch.folder}/file`
  writeFileSync(path, new Uint8Array(SIZE_BYTES))
  return openSync(path, flags)
}

/** A datagram socket at a path: a stream cannot be connected to it. */
function bindDatagram(path: string): number {
  const address = new NativeBuffer(128)
  address.data.setUint16(0, 1, true)
  address.bytes.set(Buffer.from(path), 2)
  const fd = libc.socket(1, 2, 0)
  expect(libc.bind(fd, address.address, 2 + path.length + 1)).toBe(0)
  address.free()
  return fd
}

/** Epoll sets in each other, as deep as the kernel lets them be: one more cannot watch them. */
function nestedEpolls(): number {
  const event = new NativeBuffer(16)
  event.data.setUint32(0, EPOLLIN, true)
  for (let inner = libc.epoll_create1(0); ; ) {
    const outer = libc.epoll_create1(0)
    if (libc.epoll_ctl(outer, 1, inner, event.address) < 0) return inner
    inner = outer
  }
}

const MEMORY_FILES: Readonly<Record<string, () => number>> = {
  'read-only': () => file(constants.O_RDONLY),
  'sealed against writing': () => sealed(F_SEAL_WRITE),
  'sealed against future writing': () => sealed(F_SEAL_FUTURE_WRITE),
  'opened as a path': () => file(O_PATH),
  'a directory': () => openSync('/tmp', constants.O_RDONLY),
  'a socket': () => libc.socket(1, 1, 0),
  'an eventfd': () => libc.eventfd(0, 0),
  '/dev/null': () => openSync('/dev/null', constants.O_RDWR),
}

const KICKS: Readonly<Record<string, () => number>> = {
  'a memory file': () => createMemfd('kick', 4096),
  '/dev/null': () => openSync('/dev/null', constants.O_RDWR),
  'an ordinary file': () => file(constants.O_RDWR),
  'a directory': () => openSync('/tmp', constants.O_RDONLY),
  'a path': () => openSync('/tmp', O_PATH),
  'epoll sets in each other': () => nestedEpolls(),
}

/** Does what may end the connection: the backend hangs up, and the frontend hears of it or not. */
function provoke(work: (frontend: VhostUserFrontend) => void): void {
  const frontend = new VhostUserFrontend((site as BesideHealthyPair).path('evil'))
  try {
    frontend.negotiate(LINUX_FEATURES, PROTOCOL_F.REPLY_ACK | PROTOCOL_F.CONFIGURE_MEM_SLOTS)
    work(frontend)
  } catch {
    // It hung up, as it should.
  } finally {
    frontend.close()
  }
}

describe('a switch goes on beside', () => {
  it('a frontend whose memory cannot be mapped', async () => {
    site = await BesideHealthyPair.start(['evil'])
    let detached = 0
    for (const open of Object.values(MEMORY_FILES)) {
      for (const slots of [false, true]) {
        const fd = open()
        const region = { guestAddress: 0, sizeBytes: 4096, fd, fileOffset: 0, userAddress: 0x10000 }
        provoke((frontend) => (slots ? frontend.addMemReg(region) : frontend.setMemTable([region])))
        closeFd(fd)
        const { detail, port } = await site.told('evil', 'detached', '', ++detached)
        expect(detail).toMatch(slots ? /^ADD_MEM_REG: / : /^SET_MEM_TABLE: /)
        expect(port.detachments).toBe(detached)
      }
    }
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('a frontend whose kick cannot be watched', async () => {
    site = await BesideHealthyPair.start(['evil'])
    let detached = 0
    for (const open of Object.values(KICKS)) {
      const fd = open()
      const memory = new GuestMemory(SIZE_BYTES)
      provoke((frontend) => {
        const driver = new NetDriver(memory, { features: frontend.features })
        const ring = driver.rx()
        frontend.setMemTable(memory.regions)
        frontend.setVringNum(0, ring.size)
        frontend.setVringBase(0, 0)
        const at = (gpa: number) => memory.userAddressOf(gpa)
        frontend.setVringAddr(0, at(ring.desc), at(ring.avail), at(ring.used))
        frontend.setVringKick(0, fd)
      })
      closeFd(fd)
      memory.close()
      const { detail } = await site.told('evil', 'detached', '', ++detached)
      expect(detail).toMatch(/^SET_VRING_KICK: /)
    }
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('a second frontend on a port that has one, which is told and counted', async () => {
    site = await BesideHealthyPair.start([])
    const path = site.path('healthy1')
    for (let round = 0; round < 3; round++) {
      const second = new VhostUserFrontend(path)
      expect(() => second.getFeatures()).toThrow(/hung up|does not take/)
      second.close()
    }
    await site.told('healthy1', 'refused', /second peer/)
    const running = site.switch
    await running.until(
      'the refusals are counted',
      () => running.port('healthy1')?.counters.refused_peers === 3,
    )
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('frontends that send descriptors while it has none left', async () => {
    site = await BesideHealthyPair.start(['evil'])
    const memory = new GuestMemory(
      Array.from({ length: 8 }, (_, index) => ({ guestAddress: index * 2 ** 21, sizeBytes: 4096 })),
    )
    const { pid } = site.switch
    const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
    // Room for the connection and some of what comes with the message.
    let limit = 0
    for (let free = 0; free < 4; limit++) if (!open.has(limit)) free++
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:${limit}`])
    provoke((evil) => evil.setMemTable(memory.regions))
    await site.told('evil', 'detached', /no file descriptors left.*ulimit -n/)
    memory.close()
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('a guest whose descriptors lie at both ends of its granules and reach far beyond its memory', async () => {
    site = await BesideHealthyPair.start(['evil'])
    const guest = new EmbeddedGuest(site.path('evil'), { memory: 16 * 2 ** 20, ringSize: 64 })
    const tx = guest.driver.tx()
    const ends = [1, 2, 8].flatMap((granule) =>
      [-65, -64, -1, 0, 1].map((offset) => granule * 2 ** 21 + offset),
    )
    let [staged, taken] = [0, 0]
    for (let round = 0; round < 100; round++) {
      const bytes = [1, 64, 65, 1500, 0xffff_ffff][round % 5] as number
      for (const address of ends) {
        tx.stage(address, bytes, false)
        tx.commit()
      }
      guest.driver.publish(1)
      staged += ends.length
      // The switch takes them, as what they are.
      while (taken < staged) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        for (let head = tx.takeUsed(); head >= 0; head = tx.takeUsed(), taken++) tx.release(head)
      }
    }
    guest.close()
    await site.told('evil', 'detached', /closed the connection/)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('a guest whose memory is not shared, which is told with advice', async () => {
    site = await BesideHealthyPair.start(['evil'])
    const [seen, own] = [new GuestMemory(SIZE_BYTES), new GuestMemory(SIZE_BYTES)]
    const frontend = new VhostUserFrontend(site.path('evil'))
    frontend.negotiate(LINUX_FEATURES, PROTOCOL_F.REPLY_ACK)
    // What the frontend writes lands in pages of its own, as with a private mapping of the file.
    const driver = new NetDriver(own, { features: frontend.features })
    const shadow = new NetDriver(seen, { features: frontend.features })
    const events = frontend.start(seen, shadow.rings)
    driver.fillRx(2048)
    // Kicks that come before the switch has seen the last one are one to it.
    const kicking = setInterval(() => {
      driver.send(new Uint8Array(60))
      signalEventfd(events[1]?.kickFd as number)
    }, 5)
    const told = site.told('evil', 'error', /not shared.*share=on/).finally(() => clearInterval(kicking))
    const { port } = await told
    expect(port).toMatchObject({ state: 'up', reason: expect.stringContaining('not shared') })
    frontend.close()
    seen.close()
    own.close()
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('a port whose client finds something else at its path, and connects when a backend is there', async () => {
    site = await BesideHealthyPair.start(['evil,mode=client'])
    const path = site.path('evil')
    let datagram = -1
    const found: Readonly<Record<string, () => void>> = {
      ELOOP: () => symlinkSync(path, path),
      EPROTOTYPE: () => {
        datagram = bindDatagram(path)
      },
      ENOTDIR: () => symlinkSync('/dev/null/socket', path),
    }
    let detail: string | undefined
    for (const [error, make] of Object.entries(found)) {
      make()
      detail = (await site.told('evil', 'error', new RegExp(`cannot connect \\(${error}\\)`))).detail
      rmSync(path)
    }
    closeFd(datagram)
    mkdirSync(path)
    expect(site.switch.port('evil')?.reason ?? detail).toContain('cannot connect')
    rmSync(path, { recursive: true })
    const server = createServer().listen(path)
    await site.told('evil', 'attached')
    server.close()
    expect(await site.end()).toEqual(UNHARMED)
  })
})
