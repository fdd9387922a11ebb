import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { C_KICKS } from '../../src/core/layout.js'
import { EmbeddedGuest } from '../../src/embedded/guest.js'
import { createEventfd, signalEventfd } from '../../src/sys/eventfd.js'
import { libc } from '../../src/sys/libc.js'
import { createMemfd } from '../../src/sys/memory-map.js'
import { NativeBuffer } from '../../src/sys/native-buffer.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { BesideHealthyPair, UNHARMED } from '../support/healthy-pair.js'
import { attach, broadcast, cleanUp, counter, newEngine } from '../support/switch.js'

const MB = 2 ** 20
const F_SETFL = 4
const F_ADD_SEALS = 1033
const F_SEAL_WRITE = 8
const O_RDWR = 2
const O_NONBLOCK = 0x800
const SMALL = { memory: 8 * MB, txSlotBytes: 2048 }

/** Sets an eventfd's counter to its maximum, and makes the switch's writes to it block. */
function block(fd: number): void {
  const value = new NativeBuffer(8)
  libc.fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK)
  libc.read(fd, value.address, 8)
  value.data.setBigUint64(0, 2n ** 64n - 2n, true)
  libc.write(fd, value.address, 8)
  libc.fcntl(fd, F_SETFL, O_RDWR)
  value.free()
}

/** A pipe that is full; both ends block. */
function fullPipe(): [number, number] {
  const buffer = new NativeBuffer(65536)
  libc.pipe2(buffer.address, O_NONBLOCK)
  const [readEnd, writeEnd] = [buffer.data.getInt32(0, true), buffer.data.getInt32(4, true)]
  while (libc.write(writeEnd, buffer.address, 4096) > 0) {
    // Until it is full.
  }
  libc.fcntl(writeEnd, F_SETFL, 1)
  buffer.free()
  return [readEnd, writeEnd]
}

describe('a switch beside a guest that keeps a hand on its descriptors', () => {
  let site: BesideHealthyPair | undefined
  const guests: EmbeddedGuest[] = []
  const fds: number[] = []

  afterEach(async () => {
    for (const guest of guests.splice(0)) guest.close()
    for (const fd of fds.splice(0)) libc.close(fd)
    await site?.end()
    site = undefined
  })

  function guest(port: string, options: ConstructorParameters<typeof EmbeddedGuest>[1] = {}): EmbeddedGuest {
    const made = new EmbeddedGuest(site?.path(port) as string, { ...SMALL, ...options })
    guests.push(made)
    return made
  }

  it('detaches it alone when its call descriptor blocks, names the reason, and ends at SIGTERM', async () => {
    site = await BesideHealthyPair.start(['evil', 'other'])
    const evil = guest('evil')
    for (const fd of evil.callFds) block(fd)
    guest('other').driver.send(broadcast(9))
    await site.told('evil', 'detached', /its call descriptor blocks/)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('is held once only by a guest whose every queue has a call that blocks, and not again when it returns', async () => {
    site = await BesideHealthyPair.start(['evil,queues=4', 'other'])
    const other = guest('other')
    for (let round = 0; round < 3; round++) {
      const evil = guest('evil', { queuePairs: 4 })
      for (const fd of evil.callFds) block(fd)
      for (let from = 10; from < 40; from++) other.driver.send(broadcast(from))
      if (round === 0) await site.told('evil', 'detached', /its call descriptor blocks/)
      else await new Promise((resolve) => setTimeout(resolve, 100))
      evil.close()
      guests.splice(guests.indexOf(evil), 1)
      await site.told('evil', 'detached', '', round + 1)
    }
    expect(site.switch.events('evil').filter(({ detail }) => /blocks/.test(detail))).toHaveLength(1)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('does not wait for a call by a full pipe that was made to block', async () => {
    site = await BesideHealthyPair.start(['evil', 'other'])
    const evil = guest('evil')
    const pipe = fullPipe()
    fds.push(...pipe)
    expect(evil.frontend.setVringCall(0, pipe[1])).toBe(true)
    libc.fcntl(pipe[1], F_SETFL, 1)
    const other = guest('other')
    for (let from = 10; from < 40; from++) other.driver.send(broadcast(from))
    await site.switch.until(
      'frames arrived',
      () => (site?.switch.port('evil')?.counters.egress_frames ?? 0) > 0,
    )
    expect(site.switch.events('evil').some(({ event }) => event === 'detached')).toBe(false)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('detaches it alone when it is called by a socket that blocks', async () => {
    site = await BesideHealthyPair.start(['evil', 'other'])
    const evil = guest('evil')
    const [far, near] = socketPair()
    fds.push(far, near)
    expect(evil.frontend.setVringCall(0, near)).toBe(true)
    const filler = new NativeBuffer(4096)
    while (libc.write(near, filler.address, 4096) > 0) {
      // Until it is full.
    }
    filler.free()
    libc.fcntl(near, F_SETFL, O_RDWR)
    guest('other').driver.send(broadcast(9))
    await site.told('evil', 'detached', /its call descriptor blocks/)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('does not wait for a kick that two rings share, at its maximum or made to block', async () => {
    site = await BesideHealthyPair.start(['evil'])
    const evil = guest('evil')
    const kick = createEventfd()
    fds.push(kick)
    for (const ring of [0, 1]) expect(evil.frontend.setVringKick(ring, kick)).toBe(true)
    signalEventfd(kick)
    block(kick)
    evil.driver.send(broadcast(9))
    await site.switch.until(
      'its frame came',
      () => (site?.switch.port('evil')?.counters.ingress_frames ?? 0) > 0,
    )
    expect(await site.end()).toEqual(UNHARMED)
  })
})

describe('VhostUserSession', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-descriptors-'))
  const fds: number[] = []
  afterEach(() => {
    cleanUp()
    for (const fd of fds.splice(0)) libc.close(fd)
  })

  const path = join(folder, 'file')
  const made: readonly (readonly [string, () => number])[] = [
    ['a file', () => openSync(path, 'w+')],
    ['a folder', () => openSync(folder, 'r')],
    ['/dev/zero', () => openSync('/dev/zero', 'r+')],
    ['a memory file', () => createMemfd('no-eventfd', 4096)],
    ['an epoll set', () => libc.epoll_create1(0)],
  ]

  it.each(
    made.flatMap(([title, open]) =>
      (['kick', 'call', 'err'] as const).map((role) => ({ title, open, role })),
    ),
  )('VhostUserSession refuses $title as $role descriptor', ({ open, role }) => {
    const engine = newEngine()
    const evil = attach(engine, 'evil', SMALL)
    const fd = open()
    fds.push(fd)
    const send = { kick: 'setVringKick', call: 'setVringCall', err: 'setVringErr' } as const
    expect(evil.frontend[send[role]](0, fd)).toBe(false)
    expect(engine.ports[0]?.status()).toMatchObject({ state: 'waiting', detachments: 1 })
    expect(engine.ports[0]?.status().reason).toMatch(/is no eventfd/)
    rmSync(path, { force: true })
  })

  it('VhostUserSession takes a kick that was never read as often as it is given', () => {
    const engine = newEngine()
    const guest = attach(engine, 'guest', SMALL)
    const before = counter(engine, 0, C_KICKS)
    for (let round = 1; round <= 5; round++) {
      guest.driver.send(broadcast(1))
      engine.step()
    }
    const kicks = counter(engine, 0, C_KICKS) - before
    expect(kicks).toBeGreaterThan(0)
    for (let idle = 0; idle < 5; idle++) engine.step()
    expect(counter(engine, 0, C_KICKS) - before).toBe(kicks)
  })

  const memories: readonly (readonly [string, RegExp, () => number])[] = [
    ['sealed against writing', /sealed against writing/, () => sealed()],
    ['open for reading alone', /open for reading or writing alone/, () => readOnly()],
    ['a folder', /no memory file|reading or writing alone|ends at byte/, () => openSync(folder, 'r')],
    ['a file of /proc', /on proc can make the switch wait/, () => openSync('/proc/self/comm', 'r+')],
  ]
  function sealed(): number {
    const fd = libc.memfd_create('sealed', 2)
    libc.ftruncate(fd, MB)
    libc.fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)
    return fd
  }
  function readOnly(): number {
    const fd = createMemfd('read-only', MB)
    fds.push(fd)
    return openSync(`/proc/self/fd/${fd}`, 'r')
  }

  it.each(memories)('VhostUserSession refuses guest memory that is %s', (_, reason, open) => {
    const engine = newEngine()
    const evil = attach(engine, 'evil', SMALL)
    const fd = open()
    const region = { guestAddress: 0, sizeBytes: MB, fd, fileOffset: 0, userAddress: 2 ** 32 }
    // Some are refused before the request is read; there is no reply then.
    let accepted = false
    try {
      accepted = evil.frontend.setMemTable([region])
    } catch {
      // The backend hung up.
    }
    expect(accepted).toBe(false)
    closeSync(fd)
    expect(engine.ports[0]?.status().reason).toMatch(reason)
  })
})
