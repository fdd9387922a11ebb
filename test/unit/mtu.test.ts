import { afterEach, describe, expect, it } from 'vitest'
import { LINUX_FEATURES } from '../../src/frontend/embedded-guest.js'
import { DROP_TOO_LONG } from '../../src/memory/layout.js'
import { VIRTIO_NET_F } from '../../src/memory/virtio.js'
import { attach, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

describe('5.1.4.1 MTU', () => {
  it.each([
    ['negotiated it', LINUX_FEATURES | VIRTIO_NET_F.MTU, 1],
    ['did not negotiate it', LINUX_FEATURES, 2],
  ])('a guest that %s gets frames up to its MTU', (_, features, arrive) => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b', { features }, { mtu: 1400 })
    b.driver.send(frame(1, 2, 60))
    engine.step()
    for (const bytes of [1414, 1514]) a.driver.send(frame(2, 1, bytes))
    engine.step()
    let frames = 0
    while (b.driver.receive()) frames++
    expect(frames).toBe(arrive)
    expect(dropped(engine, 1, DROP_TOO_LONG)).toBe(2 - arrive)
  })
})
