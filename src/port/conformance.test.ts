/** The kinds of ports whose far side is a socket; those on kernel devices: test/slow/device-conformance.test.ts. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Bench, describePort, type PortCase } from '../../test/support/conformance.js'
import { dgramSide, guestSide, streamSide, tunnelSide } from '../../test/support/far-sides.js'
import { addNetifPort, connectNetfront, netfrontSide, xenOf } from '../../test/support/netfront.js'
import { stepUntil, untilDown, untilUp } from '../../test/support/step-until.js'
import type { Engine } from '../engine/engine.js'
import { addressText } from '../sys/udp-address.js'
import { acceptUnix, closeFd, connectUnix, listenUnix, socketPair } from '../sys/unix-socket.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-conformance-'))
const socket = join(folder, 'port.sock')
afterAll(() => rmSync(folder, { recursive: true }))

const socketTraces = (): string[] => (existsSync(socket) ? [socket] : [])
const nothing = (): void => {}

const vifServer: PortCase = {
  title: 'vif, server',
  maxFrameBytes: 9000,
  takesOffloads: true,
  open(engine, settings) {
    engine.addPort({ kind: 'vif', name: 'port', socket, ...settings })
    const plug = () => guestSide(socket, () => engine.step())
    const bench: Bench = {
      far: plug(),
      replug() {
        untilDown(engine)
        bench.far = plug()
        untilUp(engine)
      },
      traces: socketTraces,
      close: nothing,
    }
    untilUp(engine)
    return bench
  },
}

/** Accepts the connection of a port in client mode. */
function accepted(engine: Engine, listener: number): number {
  let fd = -1
  stepUntil(engine, () => {
    fd = acceptUnix(listener)
    return fd >= 0
  })
  return fd
}

/** A port that connects to a socket on which the far side listens. */
function clientCase(
  base: PortCase,
  kind: 'vif' | 'stream',
  side: (fd: number, pump: () => void) => Bench['far'],
): PortCase {
  return {
    ...base,
    title: `${kind}, client`,
    open(engine, settings) {
      const listener = listenUnix(socket)
      engine.addPort({ kind, name: 'port', socket, mode: 'client', ...settings })
      const plug = () => side(accepted(engine, listener), () => engine.step())
      const bench: Bench = {
        far: plug(),
        replug() {
          untilDown(engine)
          bench.far = plug()
          untilUp(engine)
        },
        traces: () => [],
        close() {
          closeFd(listener)
          rmSync(socket, { force: true })
        },
      }
      untilUp(engine)
      return bench
    },
  }
}

const embedded: PortCase = {
  title: 'embedded',
  maxFrameBytes: 9000,
  takesOffloads: true,
  exceptions: { replug: 'the socket pair is the port; a new guest is a new port' },
  open(engine, settings) {
    const [ours, theirs] = socketPair()
    engine.addPort({ kind: 'embedded', name: 'port', fd: ours, ...settings })
    const bench = { far: guestSide(theirs, () => engine.step()), traces: () => [], close: nothing }
    untilUp(engine)
    return bench
  },
}

const stream: PortCase = {
  title: 'stream, server',
  maxFrameBytes: 9000,
  takesOffloads: false,
  exceptions: { sendsOffloads: 'the stream protocol has no virtio-net header' },
  open(engine, settings) {
    engine.addPort({ kind: 'stream', name: 'port', socket, ...settings })
    const plug = () => streamSide(connectUnix(socket), () => engine.step())
    const bench: Bench = {
      far: plug(),
      replug() {
        untilDown(engine)
        bench.far = plug()
        untilUp(engine)
      },
      traces: socketTraces,
      close: nothing,
    }
    untilUp(engine)
    return bench
  },
}

const UDP_PORT = 20_000 + (process.pid % 20_000)
function vxlan(title: string, own: Uint8Array, theirs: Uint8Array): PortCase {
  const vni = 0x12_3456
  return {
    title,
    maxFrameBytes: 9000,
    takesOffloads: false,
    exceptions: {
      fullReceiver: 'the kernel takes every datagram; a slow peer drops for itself',
      sendsOffloads: 'VXLAN has no virtio-net header',
      replug: 'nobody is told that a peer went; it may come back at any time',
    },
    open(engine, settings) {
      const [local, peer] = [theirs, own].map(addressText) as [string, string]
      engine.addPort({
        kind: 'vxlan',
        name: 'port',
        local,
        udpPort: UDP_PORT,
        vni,
        peers: [peer],
        ...settings,
      })
      const far = tunnelSide({ own, theirs, udpPort: UDP_PORT, vni })
      return { far, traces: () => [], close: nothing }
    },
  }
}

/** @param isNamed whether the port is told where its peer is, or hears of it */
function dgram(title: string, isNamed: boolean): PortCase {
  const own = join(folder, 'peer.sock')
  return {
    title,
    maxFrameBytes: 9000,
    takesOffloads: false,
    exceptions: { sendsOffloads: 'datagrams have no virtio-net header' },
    open(engine, settings) {
      engine.addPort({ kind: 'dgram', name: 'port', socket, ...(isNamed ? { peer: own } : {}), ...settings })
      const plug = (): Bench['far'] => {
        const far = dgramSide(own, socket, () => engine.step())
        if (!isNamed) far.send(Uint8Array.from(Buffer.from('VFKT')))
        untilUp(engine)
        return far
      }
      const bench: Bench = {
        far: plug(),
        replug() {
          untilDown(engine)
          bench.far = plug()
        },
        traces: socketTraces,
        close: nothing,
      }
      return bench
    },
  }
}

/** Netif rings with a modelled guest: nobody follows xenbus, the test itself brings the frontend and takes it away. */
const netif: PortCase = {
  title: 'netif (Xen)',
  maxFrameBytes: 9000,
  takesOffloads: true,
  exceptions: { udpSegments: 'netif has words for segments of TCP alone' },
  open(engine, settings) {
    const port = addNetifPort(engine, 'port', settings)
    const plug = () => netfrontSide(connectNetfront(engine, port), () => engine.step())
    const bench: Bench = {
      far: plug(),
      replug() {
        port.disconnect('the guest has gone')
        bench.far = plug()
      },
      traces: () => (xenOf(engine).grants.mapped === 0 ? [] : ['mapped pages']),
      close: nothing,
    }
    return bench
  },
}

const LOOPBACK = [2, 3].map((host) => Uint8Array.of(127, 0, 0, host)) as [Uint8Array, Uint8Array]

describePort(dgram('dgram', false))
describePort(dgram('dgram, named peer', true))
describePort(vxlan('vxlan over IPv4', ...LOOPBACK))
describePort(vifServer)
describePort(clientCase(vifServer, 'vif', guestSide))
describePort(embedded)
describePort(netif)
describePort(stream)
describePort(clientCase(stream, 'stream', streamSide))
