import { afterEach, expect, it } from 'vitest'
import { Globals } from '../../src/core/globals.js'
import { DROP_BUFFER_TOO_SMALL, DROP_RING_FULL, DROP_SPOOFED } from '../../src/core/layout.js'
import { LINUX_FEATURES } from '../../src/embedded/guest.js'
import { DESTINATION, partialPacket } from '../model/packets.js'
import { ipv4, OTHER, OTHER4, OWN, OWN4, udp } from '../support/guard-frames.js'
import { asTcp, attach, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

it('a frame larger than all buffers of its guest together is dropped in time and does not block the port', () => {
  const engine = newEngine()
  const a = attach(engine, 'a', { features: LINUX_FEATURES, txSlotBytes: 16384 })
  const b = attach(engine, 'b', { ringSize: 8, bufferBytes: 1024 })
  b.driver.send(frame(1, 2, 60))
  engine.step()
  for (let i = 0; i < 3; i++) a.driver.send(frame(2, 1, 64))
  engine.step()
  a.driver.send(asTcp(frame(2, 1, 9000)))
  engine.step()
  a.driver.send(asTcp(frame(2, 1, 600)))
  engine.step()
  expect(dropped(engine, 1, DROP_BUFFER_TOO_SMALL)).toBe(0)
  // Two seconds later on the engine's clock.
  new Globals(engine.memory).nowUs += 2e6
  engine.plane.poll(1, 64)
  expect(dropped(engine, 1, DROP_BUFFER_TOO_SMALL)).toBe(1)
  const lengths: number[] = []
  for (let got = b.driver.receive(); got; got = b.driver.receive()) lengths.push(got.frame.length)
  expect(lengths).toEqual([64, 64, 64, 600])
})

it('without buffers TCP waits and datagrams are dropped at once, whichever way they came', () => {
  const engine = newEngine()
  const a = attach(engine, 'a')
  const b = attach(engine, 'b', { ringSize: 4, bufferBytes: 2048 })
  b.driver.send(frame(1, 2, 60))
  engine.step()
  const burst = 12
  for (let i = 0; i < burst; i++) a.driver.enqueue(frame(2, 1, 64))
  a.driver.publish(1)
  engine.step()
  // The next burst finds the forwarding decision cached.
  for (let i = 0; i < burst; i++) a.driver.enqueue(frame(2, 1, 64))
  a.driver.publish(1)
  engine.step()
  expect(dropped(engine, 1, DROP_RING_FULL)).toBe(2 * burst - 4)
  const behind = { v6: true, extensions: [DESTINATION], payload: new Uint8Array(500) }
  a.driver.send(partialPacket({ ...behind, udp: true }))
  a.driver.send(partialPacket(behind))
  for (let i = 0; i < 3; i++) a.driver.send(asTcp(frame(2, 1, 600)))
  engine.step()
  expect(dropped(engine, 1, DROP_RING_FULL)).toBe(2 * burst - 3)
  const lengths: number[] = []
  for (let round = 0; round < 3; round++) {
    for (let got = b.driver.receive(); got; got = b.driver.receive()) lengths.push(got.frame.length)
    engine.step()
  }
  expect(lengths).toEqual([64, 64, 64, 64, 582, 600, 600, 600])
})

it("without buffers a spoofed frame is counted as its sender's, not as what the receiver had no room for", () => {
  const engine = newEngine()
  const held = { macs: ['02:00:00:00:00:01'], addresses: ['10.0.0.1'] }
  const a = attach(engine, 'a', {}, held)
  const b = attach(engine, 'b', { ringSize: 4, bufferBytes: 2048 })
  b.driver.send(frame(1, 9, 60))
  engine.step()
  const packet = (source: number[]): Uint8Array => {
    const bytes = Uint8Array.from([...ipv4(source, OTHER4, 17, udp(68, 69)), ...new Uint8Array(32)])
    bytes.set([...OTHER, ...OWN])
    return bytes
  }
  for (let i = 0; i < 8; i++) a.driver.enqueue(packet(i % 2 === 0 ? OWN4 : OTHER4))
  for (let i = 0; i < 4; i++) a.driver.enqueue(packet(OTHER4))
  a.driver.enqueue(packet(OWN4))
  a.driver.publish(1)
  engine.step()
  expect(dropped(engine, 0, DROP_SPOOFED)).toBe(8)
  expect(dropped(engine, 1, DROP_RING_FULL)).toBe(1)
})
