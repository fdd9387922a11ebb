import { afterEach, describe, expect, it } from 'vitest'
import { attachNetfront } from '../support/netfront.js'
import { attach, broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

afterEach(cleanUp)

describe('netif rings', () => {
  it('NetifPort carries a frame each way when its frontend has connected', () => {
    const engine = newEngine()
    const { front } = attachNetfront(engine, 'xen')
    const guest = attach(engine, 'guest')
    front.send(broadcast(1))
    engine.step()
    expect(guest.driver.receive()?.frame).toEqual(broadcast(1))
    guest.driver.send(frame(1, 2, 1000))
    engine.step()
    expect(front.receive()?.frame).toEqual(frame(1, 2, 1000))
  })
})
