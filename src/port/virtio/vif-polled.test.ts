import { afterEach, expect, it, vi } from 'vitest'
import { PLAIN, start, stopGuests } from '../../../test/model/guest.js'
import { cleanUp, frame, newEngine } from '../../../test/support/switch.js'
import { Epoll } from '../../sys/epoll.js'
import { VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_F, VIRTIO_NET_OK } from '../../virtio/virtio.js'

afterEach(() => {
  stopGuests()
  cleanUp()
  vi.restoreAllMocks()
})

const CONTROL = PLAIN | VIRTIO_NET_F.CTRL_VQ | VIRTIO_NET_F.CTRL_RX
const LONG_US = 50_000

/**
 * A guest with a target of 300 us, and the longest sleep of an engine that has nothing to do: time stands while it is
 * asked, so that no tick is near. It goes on meanwhile: requests of the guests are paid for by time.
 */
function polled(features = PLAIN) {
  const engine = newEngine()
  const a = start(engine, 'a', { features: PLAIN })
  const b = start(engine, 'b', { features, port: { control: true, targetUs: 300 } as object })
  b.driver.kick = () => {}
  const sleepUs = (): number => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now())
    for (let turns = 0; turns < 3; turns++) engine.step()
    const wait = vi.spyOn(Epoll.prototype, 'wait').mockReturnValue(0)
    engine.step(LONG_US)
    const us = Math.max(...wait.mock.calls.map(([timeoutUs]) => timeoutUs))
    wait.mockRestore()
    clock.mockRestore()
    return us
  }
  return { engine, a, b, sleepUs }
}

it('an engine with a ring that is not kicked sleeps no longer than half the target of its port', () => {
  for (const ring of [0, 1, 2]) {
    const { b, sleepUs } = polled(CONTROL)
    expect(sleepUs()).toBeGreaterThan(150)
    b.frontend.setVringKick(ring, -1)
    expect(sleepUs()).toBe(150)
    b.frontend.setVringKick(ring, b.events[ring]!.kickFd)
    expect(sleepUs()).toBeGreaterThan(150)
    b.frontend.setVringKick(ring, -1)
    b.frontend.getVringBase(ring)
    expect(sleepUs()).toBeGreaterThan(150)
    stopGuests()
    cleanUp()
  }
})

it('an engine sleeps as before when the guest that does not kick has gone', () => {
  const { b, sleepUs } = polled()
  b.frontend.setVringKick(1, -1)
  b.close()
  expect(sleepUs()).toBeGreaterThan(150)
})

it('frames and commands are taken at the next poll of a port whose rings are not kicked', () => {
  const { engine, a, b } = polled(CONTROL)
  for (const ring of [1, 2]) b.frontend.setVringKick(ring, -1)
  for (let turns = 0; turns < 3; turns++) engine.step()
  b.driver.send(frame(9, 2, 60))
  b.driver.sendControl(VIRTIO_NET_CTRL.RX, VIRTIO_NET_CTRL_RX.PROMISC, Uint8Array.of(1))
  engine.step()
  engine.step()
  expect(a.driver.receive()?.frame.length).toBe(60)
  expect(b.driver.takeControlAck()).toBe(VIRTIO_NET_OK)
})
