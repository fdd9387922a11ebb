// Logging for live migration, request by request: what frontends may do in any order, and what breaks a ring.
import { fstatSync, ftruncateSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { P_LOG, P_LOG_PAGES, PORT_FILTER, PORT_LOGS } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { FrontendLog } from '../../src/driver/frontend-log.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { createEventfd, drainEventfd } from '../../src/sys/eventfd.js'
import { canSurviveFaults } from '../../src/sys/fault-guard.js'
import { PAGE_BYTES } from '../../src/sys/native-buffer.js'
import { closeFd } from '../../src/sys/unix-socket.js'
import { VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_F, VIRTIO_NET_OK } from '../../src/virtio/virtio.js'
import { start, stopGuests, type TestGuest } from '../model/guest.js'
import { closeLogs, Mover, pageOf } from '../support/mover.js'
import { openFds, passedFiles } from '../support/session.js'
import { broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

const MB = 2 ** 20
const logs: FrontendLog[] = []
function newLog(endAddress: number): FrontendLog {
  const log = new FrontendLog(endAddress)
  logs.push(log)
  return log
}

afterEach(() => {
  stopGuests()
  closeLogs()
  for (const log of logs.splice(0)) log.close()
  cleanUp()
})

/** Two guests that know each other: the first is about to move. */
function pair(engine: Engine, options: ConstructorParameters<typeof Mover>[2] = {}) {
  const mover = new Mover(engine, 'mover', options)
  const other = start(engine, 'other', { memory: 4 * MB })
  mover.guest.driver.send(broadcast(1))
  other.driver.send(broadcast(2))
  steps(engine)
  while (mover.guest.driver.receive());
  while (other.driver.receive());
  return { mover, other }
}

function steps(engine: Engine, count = 3): void {
  for (let step = 0; step < count; step++) engine.step()
}

function received({ driver }: TestGuest): number {
  let frames = 0
  while (driver.receive()) frames++
  return frames
}

function reasonOf(engine: Engine, name: string): string | undefined {
  steps(engine)
  return engine.ports.find((port) => port.name === name)?.status().reason
}

function isLogging(engine: Engine, row = 0): boolean {
  return new PortRow(engine.memory, row).has(PORT_LOGS)
}

describe('the log of dirty pages', () => {
  it('has the pages of buffer and ring, and no other, when one frame came', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    mover.begin()
    const { driver, memory } = mover.guest
    const slot = driver.rx().desc
    const { data } = memory
    const next = data.getUint16(memory.offsetOf(driver.rx().used) + 2, true) & 63
    const head = data.getUint16(memory.offsetOf(driver.rx().avail) + 4 + 2 * next, true)
    const buffer = Number(data.getBigUint64(memory.offsetOf(slot + head * 16), true))
    other.driver.send(frame(1, 2, 100))
    engine.plane.poll(1, 64)
    expect(mover.marked()).toEqual([pageOf(driver.rx().used), pageOf(buffer)].sort((a, b) => a - b))
    expect(mover.missed()).toEqual([])
    expect(received(mover.guest)).toBe(1)
  })

  it('has the page of the answer when a command came by the control queue', () => {
    const engine = newEngine()
    const features = LINUX_FEATURES | VIRTIO_NET_F.CTRL_VQ | VIRTIO_NET_F.CTRL_RX
    const { mover } = pair(engine, { features, port: { control: true } })
    mover.begin()
    const { driver } = mover.guest
    expect(driver.sendControl(VIRTIO_NET_CTRL.RX, VIRTIO_NET_CTRL_RX.PROMISC, Uint8Array.of(0))).toBe(true)
    mover.copy()
    steps(engine)
    expect(mover.missed()).toEqual([])
    expect(mover.changed().length).toBeGreaterThan(1)
    expect(driver.takeControlAck()).toBe(VIRTIO_NET_OK)
  })

  it('is not written, nor is the fast path left, until there are both log and LOG_ALL', () => {
    const engine = newEngine()
    const { mover } = pair(engine)
    const { frontend } = mover.guest
    expect(frontend.logAll(true)).toBe(true)
    expect(isLogging(engine)).toBe(false)
    expect(frontend.setLogBase(mover.log, mover.log.fd)).toBe(true)
    expect(isLogging(engine)).toBe(true)
    expect(frontend.logAll(false)).toBe(true)
    expect(isLogging(engine)).toBe(false)
    mover.copy()
    mover.guest.driver.send(broadcast(1))
    steps(engine)
    expect(mover.changed()).not.toEqual([])
    expect(mover.marked()).toEqual([])
  })

  it('tells of used rings by the address that the frontend gives', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    mover.begin()
    const { driver, frontend, memory } = mover.guest
    const { desc, avail, used } = driver.rx()
    const at = (gpa: number): number => memory.userAddressOf(gpa)
    const elsewhere = 2 ** 31 + (used % PAGE_BYTES)
    expect(frontend.setVringAddr(0, at(desc), at(avail), at(used), elsewhere)).toBe(true)
    mover.copy()
    other.driver.send(frame(1, 2, 100))
    engine.plane.poll(1, 64)
    expect(mover.marked()).toContain(pageOf(elsewhere))
    expect(frontend.setVringAddr(0, at(desc), at(avail), at(used), 2 ** 46 + (used % PAGE_BYTES))).toBe(false)
    expect(reasonOf(engine, 'mover')).toMatch(/SET_VRING_ADDR: the log of dirty pages has bits for \d+ pages/)
  })

  it('signals its descriptor some time after pages were marked, and at the stop', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    const event = createEventfd()
    mover.begin()
    expect(mover.guest.frontend.setLogFd(event)).toBe(true)
    const port = engine.ports[0]
    port?.tick(0)
    drainEventfd(event)
    port?.tick(0)
    expect(drainEventfd(event)).toBe(false)
    other.driver.send(frame(1, 2, 100))
    engine.plane.poll(1, 64)
    port?.tick(0)
    expect(drainEventfd(event)).toBe(true)
    other.driver.send(frame(1, 2, 100))
    engine.plane.poll(1, 64)
    mover.guest.frontend.stopRing(0)
    expect(drainEventfd(event)).toBe(true)
    closeFd(event)
  })

  it('has all that was held, and the base is where a ring stopped, when its device is reset before the stop', () => {
    const engine = newEngine({ policy: { name: 'fixed', holdUs: 3_600_000_000, maxFrames: 1000 } })
    const { mover, other } = pair(engine)
    mover.begin()
    const { driver, frontend, memory } = mover.guest
    received(mover.guest)
    for (let number = 0; number < 5; number++) other.driver.send(frame(1, 2, 100, number))
    steps(engine)
    const usedIndex = (): number => memory.data.getUint16(memory.offsetOf(driver.rx().used) + 2, true)
    const before = usedIndex()
    mover.copy()
    expect(frontend.setStatus(0)).toBe(true)
    expect(usedIndex()).toBe(before + 5)
    expect(mover.marked()).toContain(pageOf(driver.rx().used))
    expect(mover.missed()).toEqual([])
    expect(frontend.getVringBase(0)).toBe(before + 5)
    expect(received(mover.guest)).toBe(5)
  })

  it('leaves what the driver has asked for alone when it begins and ends', () => {
    const engine = newEngine()
    const features = LINUX_FEATURES | VIRTIO_NET_F.CTRL_VQ | VIRTIO_NET_F.CTRL_RX
    const { mover } = pair(engine, { features, port: { control: true } })
    const { driver } = mover.guest
    driver.sendControl(VIRTIO_NET_CTRL.RX, VIRTIO_NET_CTRL_RX.PROMISC, Uint8Array.of(0))
    steps(engine)
    expect(driver.takeControlAck()).toBe(VIRTIO_NET_OK)
    const row = new PortRow(engine.memory, 0)
    expect(row.has(PORT_FILTER)).toBe(true)
    mover.begin()
    expect(row.has(PORT_FILTER)).toBe(true)
    mover.guest.frontend.logAll(false)
    expect(row.has(PORT_FILTER)).toBe(true)
  })

  it('costs neither a frame nor memory when it begins and ends a thousand times under traffic', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    mover.begin()
    const files = passedFiles()
    const { freeBytes } = engine.memory
    let arrived = [0, 0]
    for (let round = 0; round < 1000; round++) {
      for (let number = 0; number < 3; number++) {
        mover.guest.driver.enqueue(frame(2, 1, 80, number))
        other.driver.enqueue(frame(1, 2, 80, number))
      }
      mover.guest.driver.publish(1)
      other.driver.publish(1)
      expect(mover.guest.frontend.logAll(round % 2 === 1)).toBe(true)
      if (round % 5 === 0) expect(mover.guest.frontend.setLogBase(mover.log, mover.log.fd)).toBe(true)
      engine.step()
      arrived = [(arrived[0] ?? 0) + received(mover.guest), (arrived[1] ?? 0) + received(other)]
    }
    steps(engine)
    arrived = [(arrived[0] ?? 0) + received(mover.guest), (arrived[1] ?? 0) + received(other)]
    expect(arrived).toEqual([3000, 3000])
    expect(engine.memory.freeBytes).toBe(freeBytes)
    expect(passedFiles()).toEqual(files)
    mover.guest.close()
    steps(engine)
    expect(isLogging(engine)).toBe(false)
    expect(new PortRow(engine.memory, 0).get(P_LOG)).toBe(0)
  })

  it('may be replaced by a larger one before memory is added, whose pages it tells of then', () => {
    const engine = newEngine()
    const mover = new Mover(engine, 'mover')
    const { frontend, memory } = mover.guest
    mover.begin()
    const [low, high] = memory.regions
    const far = { ...high!, guestAddress: 2 ** 36, userAddress: high!.userAddress + 2 ** 40 }
    const larger = newLog(far.guestAddress + far.sizeBytes)
    expect(frontend.setLogBase(larger, larger.fd)).toBe(true)
    expect(frontend.setMemTable([low!, high!, far])).toBe(true)
    // The old log is no longer written.
    mover.copy()
    mover.guest.driver.send(broadcast(1))
    steps(engine)
    expect(mover.marked()).toEqual([])
    expect(larger.take()).not.toEqual([])
    expect(() => frontend.setLogBase(mover.log, mover.log.fd)).toThrow(/hung up/)
    expect(reasonOf(engine, 'mover')).toMatch(
      /SET_LOG_BASE: the log of dirty pages has bits for \d+ pages of guest memory, which has \d+/,
    )
  })

  it('that is too small for memory that is added ends the session', () => {
    const engine = newEngine()
    const mover = new Mover(engine, 'mover').begin()
    const [low, high] = mover.guest.memory.regions
    const far = { ...high!, guestAddress: 2 ** 36, userAddress: high!.userAddress + 2 ** 40 }
    expect(mover.guest.frontend.setMemTable([low!, high!, far])).toBe(false)
    expect(reasonOf(engine, 'mover')).toMatch(/SET_MEM_TABLE: the log of dirty pages has bits for/)
  })

  it('ends the session, and no other, when a page is written that it has no bit for', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    mover.begin()
    new PortRow(engine.memory, 0).set(P_LOG_PAGES, 1)
    other.driver.send(frame(1, 2, 100))
    expect(reasonOf(engine, 'mover')).toMatch(/ring 0: the log of dirty pages has no bit for a page/)
    expect(reasonOf(engine, 'other')).toBeUndefined()
  })

  it.skipIf(!canSurviveFaults())('ends the session, and no other, when its file is cut short', () => {
    const engine = newEngine()
    const { mover, other } = pair(engine)
    mover.begin()
    ftruncateSync(mover.log.fd, 0)
    other.driver.send(frame(1, 2, 100))
    expect(reasonOf(engine, 'mover')).toMatch(/its log of dirty pages was cut short to 0 bytes; it had \d+/)
    expect(reasonOf(engine, 'other')).toBeUndefined()
    const next = new Mover(engine, 'next').begin()
    other.driver.send(broadcast(2))
    steps(engine)
    expect(received(next.guest)).toBe(1)
    expect(reasonOf(engine, 'next')).toBeUndefined()
  })

  it.each([
    ['is empty', () => ({ fileOffset: 0, sizeBytes: 0 }), /it is empty/],
    [
      'ends behind its file',
      (log: FrontendLog) => ({ fileOffset: PAGE_BYTES, sizeBytes: fstatSync(log.fd).size }),
      /ends at byte \d+ of a file of \d+/,
    ],
    [
      'begins within a page',
      () => ({ fileOffset: 8, sizeBytes: 8 }),
      /begins at byte 8 of its file, within a page/,
    ],
    [
      'is larger than that of any guest',
      () => ({ fileOffset: 0, sizeBytes: 2 ** 40 }),
      /1099511627776 bytes are more than/,
    ],
    ['has too few bits', () => ({ fileOffset: 0, sizeBytes: 8 }), /has bits for 64 pages of guest memory/],
  ])('ends the session with a reason when it %s', (_, area, reason) => {
    const engine = newEngine()
    const mover = new Mover(engine, 'mover')
    const { frontend } = mover.guest
    frontend.logAll(true)
    expect(() => frontend.setLogBase(area(mover.log), mover.log.fd)).toThrow(/hung up/)
    expect(reasonOf(engine, 'mover')).toMatch(reason)
    // Ours is the only descriptor of it.
    expect(openFds().filter((file) => file.includes('ringferry-log'))).toHaveLength(1)
  })

  it('ends the session when it is no memory file', () => {
    const engine = newEngine()
    const mover = new Mover(engine, 'mover')
    const event = createEventfd()
    const log = { fileOffset: 0, sizeBytes: 4096 }
    expect(() => mover.guest.frontend.setLogBase(log, event)).toThrow(/hung up/)
    closeFd(event)
    expect(reasonOf(engine, 'mover')).toMatch(/SET_LOG_BASE: the log of dirty pages: it is no memory file/)
  })
})
