// Rings that start, stop and start again. Source: QEMU, docs/interop/vhost-user.rst, "Ring states".
import { afterEach, expect, it } from 'vitest'
import { C_EGRESS_FRAMES } from '../../src/core/layout.js'
import { drainEventfd } from '../../src/sys/eventfd.js'
import { VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_F, VIRTIO_NET_OK } from '../../src/virtio/virtio.js'
import { PLAIN, start, stopGuests, type TestGuest } from '../model/guest.js'
import { cleanUp, counter, frame, newEngine, ringPort } from '../support/switch.js'

afterEach(() => {
  stopGuests()
  cleanUp()
})

const CONTROL = PLAIN | VIRTIO_NET_F.CTRL_VQ | VIRTIO_NET_F.CTRL_RX
const RX = 0
const TX = 1

function twoGuests(features = PLAIN) {
  const engine = newEngine()
  const a = start(engine, 'a', { features: PLAIN })
  const b = start(engine, 'b', { features, base: 65500, port: { control: true } })
  return { engine, a, b }
}

/** Stops a ring and starts it with another base, as a frontend does that does not know what was completed. */
function restart({ frontend, driver }: TestGuest, ring: number, offset: number): void {
  const { memory } = driver
  const { desc, avail, used, size, availIdx } = driver.rings[ring] as TestGuest['driver']['rings'][0]
  frontend.stopRing(ring)
  const events = frontend.startRing(
    ring,
    { desc, avail, used, size, availIdx, memory } as TestGuest['driver']['rings'][0],
    (availIdx + offset) & 0xffff,
  )
  const kick = driver.kick
  driver.kick = (which) => (which === ring ? undefined : kick(which))
  expect(events.callFd).toBeGreaterThan(0)
}

it('a receive ring goes on at its used index whatever base its frontend sends', () => {
  for (const offset of [0, 1, -64, 30000]) {
    const { engine, a, b } = twoGuests()
    a.driver.send(frame(9, 1, 60))
    engine.step()
    restart(b, RX, offset)
    for (let i = 0; i < 3; i++) a.driver.send(frame(9, 1, 61 + i))
    engine.step()
    expect([0, 1, 2, 3].map(() => b.driver.receive()?.frame.length)).toEqual([60, 61, 62, 63])
    expect(b.driver.rx().invalidUsed).toBe(0)
    stopGuests()
    cleanUp()
  }
})

it('a transmit ring takes what was not completed whatever base its frontend sends', () => {
  for (const offset of [0, 2, -40]) {
    const { engine, a, b } = twoGuests()
    b.frontend.setVringBase(TX, 7)
    b.frontend.stopRing(TX)
    b.driver.send(frame(9, 2, 60))
    b.driver.send(frame(9, 2, 61))
    restart(b, TX, offset)
    engine.step()
    expect([0, 1, 2].map(() => a.driver.receive()?.frame.length)).toEqual([60, 61, undefined])
    expect(b.driver.reapTx()).toBe(2)
    stopGuests()
    cleanUp()
  }
})

it('a control ring answers what waits whatever base its frontend sends', () => {
  const { engine, b } = twoGuests(CONTROL)
  const ring = b.driver.controlIndex
  b.frontend.stopRing(ring)
  b.driver.kick = () => {}
  b.driver.sendControl(VIRTIO_NET_CTRL.RX, VIRTIO_NET_CTRL_RX.PROMISC, Uint8Array.of(1))
  restart(b, ring, 0)
  engine.step()
  expect(b.driver.takeControlAck()).toBe(VIRTIO_NET_OK)
})

it('SET_VRING_BASE does not move a ring that runs', () => {
  const { engine, a, b } = twoGuests()
  for (const ring of [RX, TX]) b.frontend.setVringBase(ring, 5)
  a.driver.send(frame(9, 1, 60))
  b.driver.send(frame(9, 2, 61))
  engine.step()
  expect([b, a].map(({ driver }) => driver.receive()?.frame.length)).toEqual([60, 61])
})

it('GET_VRING_BASE, BASE and KICK go on with the addresses that are known', () => {
  const { engine, a, b } = twoGuests()
  for (const ring of [RX, TX]) {
    const base = b.frontend.getVringBase(ring)
    expect(b.frontend.setVringBase(ring, base)).toBe(true)
    expect(b.frontend.setVringKick(ring, b.events[ring]!.kickFd)).toBe(true)
  }
  a.driver.send(frame(9, 1, 60))
  b.driver.send(frame(9, 2, 61))
  engine.step()
  expect([b, a].map(({ driver }) => driver.receive()?.frame.length)).toEqual([60, 61])
})

it('a ring follows memory that was replaced while it was stopped', () => {
  const { engine, a, b } = twoGuests()
  const base = b.frontend.getVringBase(RX)
  expect(b.frontend.setMemTable(b.memory.regions)).toBe(true)
  b.frontend.setVringBase(RX, base)
  expect(b.frontend.setVringKick(RX, b.events[RX]!.kickFd)).toBe(true)
  a.driver.send(frame(9, 1, 60))
  engine.step()
  expect(b.driver.receive()?.frame.length).toBe(60)
})

it('after a reset of the device KICK without ADDR is refused with the reason', () => {
  for (const reset of ['setStatus', 'resetDevice'] as const) {
    const { engine, b } = twoGuests()
    expect(b.frontend[reset](0)).toBe(true)
    expect(b.frontend.setVringKick(RX, b.events[RX]!.kickFd)).toBe(false)
    engine.step()
    expect(engine.ports[1]!.status().reason).toContain('started before its addresses are known')
    stopGuests()
    cleanUp()
  }
})

it('a ring that reaches beyond its memory region is refused with that reason', () => {
  const { engine, b } = twoGuests()
  const { desc, avail } = b.driver.rx()
  const end = b.memory.regions[0]!.userAddress + b.memory.regions[0]!.sizeBytes
  b.frontend.getVringBase(RX)
  const at = (gpa: number) => b.memory.userAddressOf(gpa)
  expect(b.frontend.setVringAddr(RX, at(desc), at(avail), end - 64)).toBe(true)
  expect(b.frontend.setVringKick(RX, b.events[RX]!.kickFd)).toBe(false)
  engine.step()
  expect(engine.ports[1]!.status().reason).toMatch(
    /ring 0.used .* reach beyond the end of their memory region/,
  )
})

it('a ring whose call came before its kick is called once when it starts, and again when it starts again', () => {
  const { engine, b } = twoGuests()
  const { kickFd, callFd } = b.events[RX]!
  for (let round = 0; round < 2; round++) {
    b.frontend.getVringBase(RX)
    b.frontend.setVringCall(RX, callFd)
    drainEventfd(callFd)
    b.frontend.setVringKick(RX, kickFd)
    engine.step()
    expect(drainEventfd(callFd)).toBe(true)
    b.frontend.setVringKick(RX, kickFd)
    engine.step()
    expect(drainEventfd(callFd)).toBe(false)
  }
})

it('what is held for a guest is delivered when its ring stops, its device is reset or its connection ends', () => {
  const ends: ((guest: TestGuest) => void)[] = [
    ({ frontend }) => frontend.getVringBase(RX),
    ({ frontend }) => frontend.setStatus(0),
    ({ frontend }) => frontend.resetDevice(),
    ({ frontend }) => frontend.setMemTable([]),
    ({ frontend }) => frontend.channel.close(),
  ]
  for (const end of ends) {
    const { engine, a, b } = twoGuests()
    const limits = { holdUs: 1e9, gapUs: 1e9, maxFrames: 64, maxBytes: 1e6, urgentPublish: false }
    ringPort(engine, 1).setHoldLimits(limits)
    for (let i = 0; i < 3; i++) a.driver.send(frame(9, 1, 60 + i))
    engine.step()
    expect(b.driver.receive()).toBeUndefined()
    expect(counter(engine, 1, C_EGRESS_FRAMES)).toBe(3)
    end(b)
    engine.step()
    expect([0, 1, 2].map(() => b.driver.receive()?.frame.length)).toEqual([60, 61, 62])
    stopGuests()
    cleanUp()
  }
})
