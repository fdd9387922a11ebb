/** What a vxlan port does about its outer device, in a network namespace of this process. */
import { writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { DROP_HOST_ERROR, DROP_TOO_LONG } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import { type Bench, collect, describePort, type PortCase } from '../support/conformance.js'
import { tunnelSide } from '../support/far-sides.js'
import { enterPrivateNetwork, ip, whyNoDevices } from '../support/private-network.js'
import { stepUntil } from '../support/step-until.js'
import { attach, broadcast, cleanUp, dropped, frame, newEngine } from '../support/switch.js'

const noDevices = whyNoDevices()
const VNI = 7
const UDP_PORT = 4789
if (noDevices === undefined) {
  enterPrivateNetwork()
  ip('link set lo up')
  ip('link add rfouter type veth peer name rfnear')
  ip('link set rfnear up')
  ip('addr add 10.9.0.1/24 dev rfouter')
  ip('link set rfouter mtu 1500 up')
}

/** fd09::x */
const ipv6 = (last: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, at) => [0xfd, 9][at] ?? (at === 15 ? last : 0))

const overIpv6: PortCase = {
  title: 'vxlan over IPv6',
  skip: noDevices,
  maxFrameBytes: 9000,
  takesOffloads: false,
  exceptions: {
    fullReceiver: 'the kernel takes every datagram; a slow peer drops for itself',
    sendsOffloads: 'VXLAN has no virtio-net header',
    replug: 'nobody is told that a peer went; it may come back at any time',
  },
  open(engine, settings): Bench {
    writeFileSync('/proc/sys/net/ipv6/conf/lo/disable_ipv6', '0')
    for (const last of [1, 2]) ip(`addr replace fd09::${last}/64 dev lo nodad`)
    engine.addPort({
      kind: 'vxlan',
      name: 'port',
      local: 'fd09::1',
      vni: VNI,
      peers: ['fd09::2'],
      ...settings,
    })
    const far = tunnelSide({ own: ipv6(2), theirs: ipv6(1), udpPort: UDP_PORT, vni: VNI })
    return { far, traces: () => [], close: () => {} }
  },
}

describePort(overIpv6)

describe.skipIf(noDevices !== undefined)('VxlanPort', () => {
  let engine: Engine
  afterEach(cleanUp)

  function start(peers: string[]): ReturnType<typeof attach> {
    engine = newEngine()
    engine.addPort({ kind: 'vxlan', name: 't', local: '10.9.0.1', vni: VNI, peers })
    return attach(engine, 'g')
  }

  it('VxlanPort drops what is longer than its outer device carries, as that changes', () => {
    const guest = start(['10.9.0.1', '10.9.0.2'].slice(1))
    const send = (bytes: number): void => {
      guest.driver.send(frame(9, 1, bytes))
      engine.step()
    }
    send(1450 + 14)
    expect(dropped(engine, 0, DROP_TOO_LONG)).toBe(0)
    send(1450 + 15)
    expect(dropped(engine, 0, DROP_TOO_LONG)).toBe(1)
    ip('link set rfouter mtu 9000')
    stepUntil(engine, () => {
      const before = dropped(engine, 0, DROP_TOO_LONG)
      send(8950 + 14)
      return dropped(engine, 0, DROP_TOO_LONG) === before
    })
    const before = dropped(engine, 0, DROP_TOO_LONG)
    send(8950 + 15)
    expect(dropped(engine, 0, DROP_TOO_LONG)).toBe(before + 1)
    ip('link set rfouter mtu 1500')
  })

  it('VxlanPort tells once of a peer that cannot be reached, and goes on when it can', () => {
    const told: string[] = []
    engine = newEngine({ onReport: (_, event, detail) => void (event === 'error' && told.push(detail)) })
    engine.addPort({ kind: 'vxlan', name: 't', local: '10.9.0.1', vni: VNI, peers: ['192.0.2.9'] })
    const guest = attach(engine, 'g')
    for (let sent = 0; sent < 20; sent++) {
      guest.driver.send(broadcast(1))
      engine.step()
    }
    expect(dropped(engine, 0, DROP_HOST_ERROR)).toBe(20)
    expect(told).toEqual([expect.stringMatching(/^peer 192\.0\.2\.9 cannot be reached \(ENETUNREACH\)/)])
    ip('addr add 192.0.2.9/32 dev lo')
    const far = tunnelSide({
      own: Uint8Array.of(192, 0, 2, 9),
      theirs: Uint8Array.of(10, 9, 0, 1),
      udpPort: UDP_PORT,
      vni: VNI,
    })
    guest.driver.send(broadcast(1))
    expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
    far.close()
    ip('addr del 192.0.2.9/32 dev lo')
  })
})
