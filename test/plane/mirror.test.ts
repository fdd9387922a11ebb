// Mirror ports: a copy of what enters and leaves by other ports, and nothing else.
import { afterEach, describe, expect, it } from 'vitest'
import { DROP_MIRROR, DROP_NO_LINK, PORT_WATCHED } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { type EmbeddedGuest, LINUX_FEATURES } from '../../src/embedded/guest.js'
import { VIRTIO_F, VIRTIO_NET_F, VIRTIO_NET_HDR_GSO } from '../../src/virtio/virtio.js'
import { partialPacket } from '../model/packets.js'
import { capturePort } from '../support/captured.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine, withTags } from '../support/switch.js'

afterEach(cleanUp)

function received(guest: EmbeddedGuest): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let got = guest.driver.receive(); got; got = guest.driver.receive()) frames.push(got.frame)
  return frames
}

describe('a mirror port', () => {
  it('gets what enters and what leaves by the ports that it copies, byte for byte, and nothing else', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    const c = attach(engine, 'c')
    const mirror = attach(engine, 'm', {}, { mirror: ['a'] })
    const sent = [frame(2, 1, 200), frame(1, 2, 300), frame(1, 2, 400), frame(2, 3, 500), broadcast(3, 70)]
    for (const each of sent) {
      ;[a, b, c][(each[11] as number) - 1]?.driver.send(each)
      engine.step()
    }
    // The last but one goes from c to b alone.
    const copies = [...sent.slice(0, 3), ...sent.slice(4)]
    expect(received(mirror)).toEqual(copies)
    expect(received(a)).toEqual(copies.slice(1))
  })

  it('drops what comes from it, and hears nothing of what is for an address there', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const mirror = attach(engine, 'm', {}, { mirror: ['a'] })
    mirror.driver.send(broadcast(9))
    engine.step()
    expect(received(a)).toEqual([])
    expect(dropped(engine, 1, DROP_MIRROR)).toBe(1)
    expect(received(mirror)).toEqual([])
  })

  it('copies frames that the switch drops as they enter, and tags as they are on the link', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', {}, { vlan: 7, macs: ['02:00:00:00:00:01'] })
    attach(engine, 'b', {}, { trunk: [7] })
    const mirror = attach(engine, 'm', {}, { mirror: ['b', 'a'], vlan: 9 })
    const [good, spoofed] = [broadcast(1), broadcast(5)]
    a.driver.send(spoofed)
    a.driver.send(good)
    engine.step()
    expect(received(mirror)).toEqual([spoofed, withTags(good, [0x8100, 7]), good])
  })

  it('cuts a super-frame for its own receiver, which changes nothing for the other', () => {
    const engine = newEngine()
    const a = attach(engine, 'a', { features: LINUX_FEATURES, txSlotBytes: 16384 })
    const b = attach(engine, 'b', { features: LINUX_FEATURES })
    const mirror = attach(
      engine,
      'm',
      { features: VIRTIO_F.VERSION_1 | VIRTIO_NET_F.MRG_RXBUF },
      { mirror: ['b'] },
    )
    const whole = partialPacket({ payload: new Uint8Array(3000).fill(7) })
    whole.fill(0xff, 0, 6)
    const header = { flags: 1, gsoType: VIRTIO_NET_HDR_GSO.TCPV4, hdrLen: 54, gsoSize: 1000 }
    a.driver.send(whole, { ...header, csumStart: 34, csumOffset: 16 })
    engine.step()
    expect(received(b).map(({ length }) => length)).toEqual([3054])
    expect(received(mirror).map(({ length }) => length)).toEqual([1054, 1054, 1054])
  })

  it('counts what it cannot deliver, and the mirrored ports lose nothing', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    const mirror = attach(engine, 'm', {}, { mirror: ['a'] })
    const { take } = capturePort(engine, 'm')
    mirror.close()
    engine.step()
    a.driver.send(broadcast(1))
    engine.step()
    expect(received(b)).toEqual([broadcast(1)])
    expect(dropped(engine, 2, DROP_NO_LINK)).toBe(1)
    expect(take().map(({ drop }) => drop)).toEqual(['no_link'])
  })

  it('follows its setting while the switch runs, and the ports it copies as they come and go', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const mirror = attach(engine, 'm', {}, { mirror: ['a'] })
    const config = (name: string) => {
      const port = engine.ports.find((each) => each.name === name)
      if (!port) throw new Error(`there is no port ${name}`)
      return port.config
    }
    const set = (mirrored: string[] | undefined) => {
      const { mirror: _, ...rest } = config('m')
      engine.apply([{ change: 'set', config: { ...rest, ...(mirrored ? { mirror: mirrored } : {}) } }])
    }
    expect(new PortRow(engine.memory, 0).has(PORT_WATCHED)).toBe(true)
    expect(() => set(['m'])).toThrow(/port m: mirror\[0\] is "m", a mirror port/)
    expect(() => set(['nobody'])).toThrow(/port m: mirror\[0\] is "nobody"; there is no such port/)
    set(undefined)
    expect(new PortRow(engine.memory, 0).has(PORT_WATCHED)).toBe(false)
    mirror.driver.send(broadcast(9))
    engine.step()
    expect(received(a)).toEqual([broadcast(9)])
    set(['a'])
    a.driver.send(frame(9, 1, 60))
    engine.step()
    expect(received(mirror)).toEqual([frame(9, 1, 60)])
    engine.removePort('a')
    const again = attach(engine, 'a')
    again.driver.send(frame(9, 1, 80))
    engine.step()
    expect(received(mirror)).toEqual([frame(9, 1, 80)])
  })
})
