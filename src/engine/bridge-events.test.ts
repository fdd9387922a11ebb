import { describe, expect, it } from 'vitest'
import { BareSwitch, macOf } from '../../test/support/bare-switch.js'
import type { Port, PortEvent } from '../port/port.js'
import { readSettings } from '../port/settings.js'
import { BridgeEvents, REST_US } from './bridge-events.js'

const ALL = [255, 255, 255, 255, 255, 255]

/** A switch with ports p0, p1, ... and what is told of them. */
function listen(real: BareSwitch): {
  at(us: number): string[]
  say(port: number, mac: number, tag?: number): void
} {
  const ports = real.rows.map(({ index }) => ({ index, name: `p${index}` }) as Port)
  const events = new BridgeEvents(real.memory)
  return {
    at(us) {
      const told: string[] = []
      events.check(us, ports, (port: Port, event: PortEvent, detail: string) =>
        told.push(`${port.name}: ${event} (${detail})`),
      )
      return told
    },
    say: (port, mac, tag) =>
      real.send(port, Uint8Array.from([...ALL, ...macOf(mac), ...(tag ? [0x81, 0, 0, tag] : []), 8, 6])),
  }
}

describe('BridgeEvents', () => {
  it('tells of an address that moved, and of thousands of moves in one line', () => {
    const { at, say } = listen(new BareSwitch([{}, {}]))
    say(0, 1)
    expect(at(0)).toEqual([])
    say(1, 1)
    expect(at(1)).toEqual(['p1: address-moved (02:00:00:00:00:01 came from port p0)'])
    for (let n = 0; n < 1000; n++) for (const port of [0, 1]) say(port, 1)
    expect(at(2)).toEqual(['p0: address-moved (02:00:00:00:00:01 came from port p1; 1000 moves)'])
    expect(at(REST_US)).toEqual([])
    say(1, 1)
    expect(at(1 + REST_US)).toEqual(['p1: address-moved (02:00:00:00:00:01 came from port p0; 1000 moves)'])
    expect(at(9 * REST_US)).toEqual([])
  })

  it('names the VLAN of an address that has one', () => {
    const { at, say } = listen(new BareSwitch([{ trunk: [7] }, { trunk: [7] }]))
    for (const port of [0, 1]) say(port, 1, 7)
    expect(at(0)).toEqual(['p1: address-moved (02:00:00:00:00:01 (VLAN 7) came from port p0)'])
  })

  it('tells which limit keeps addresses from being learned', () => {
    const { at, say } = listen(new BareSwitch([{ maxAddresses: 2 }, {}], 4))
    for (const mac of [1, 2, 3, 4]) say(0, mac)
    for (const mac of [11, 12, 13]) say(1, mac)
    expect(at(0)).toEqual([
      'p0: unlearned (the port has 2 addresses, its maxAddresses; frames from others: 2)',
      "p1: unlearned (the switch has 4 addresses, the engine's maxAddresses; frames from others: 1)",
    ])
  })

  it('tells which sticky port keeps an address', () => {
    const { at, say } = listen(new BareSwitch([{ sticky: true }, {}]))
    for (const port of [0, 1, 1]) say(port, 1)
    expect(at(0)).toEqual([
      'p1: address-kept (02:00:00:00:00:01 stays on port p0, which is sticky; frames dropped: 2)',
    ])
  })

  it('tells of floods beyond the limit', () => {
    const { at, say } = listen(new BareSwitch([{ stormFps: 10 }, {}]))
    for (const mac of [1, 2, 3]) say(0, mac)
    expect(at(0)).toEqual(['p0: storm (flooded frames beyond stormFps dropped: 2)'])
  })

  it('begins anew when a port was removed', () => {
    const real = new BareSwitch([{}, {}])
    const { say } = listen(real)
    const events = new BridgeEvents(real.memory)
    const told: string[] = []
    const ports = [{ index: 1, name: 'p1' } as Port]
    const report = (_: Port, event: PortEvent): unknown => told.push(event)
    for (const port of [0, 1]) say(port, 1)
    events.check(0, ports, report)
    events.forget(1)
    real.rows[1]?.close()
    real.rows[1]?.open(readSettings({ name: 'p1' }), false)
    events.check(1, ports, report)
    for (const port of [0, 1]) say(port, 1)
    events.check(2, ports, report)
    expect(told).toEqual(['address-moved', 'address-moved'])
  })
})
