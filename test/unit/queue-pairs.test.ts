import { afterEach, expect, it } from 'vitest'
import { LINUX_FEATURES } from '../../src/frontend/embedded-guest.js'
import { DROP_NO_LINK } from '../../src/memory/layout.js'
import { VIRTIO_NET_F } from '../../src/memory/virtio.js'
import { attach, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

it('what a guest transmits on a disabled ring is taken and dropped, and the ring serves again when enabled', () => {
  const engine = newEngine()
  const a = attach(engine, 'a', { queuePairs: 2, features: LINUX_FEATURES | VIRTIO_NET_F.MQ }, { queues: 2 })
  const b = attach(engine, 'b')
  for (const ring of [2, 3]) a.frontend.setVringEnable(ring, false)
  engine.step()
  a.driver.send(frame(2, 1, 60), {}, 1)
  engine.step()
  expect(a.driver.reapTx(1)).toBe(1)
  expect(dropped(engine, 0, DROP_NO_LINK)).toBe(1)
  expect(b.driver.receive()).toBeUndefined()
  for (const ring of [2, 3]) a.frontend.setVringEnable(ring, true)
  a.driver.send(frame(2, 1, 61), {}, 1)
  engine.step()
  expect(b.driver.receive()?.frame.length).toBe(61)
})
