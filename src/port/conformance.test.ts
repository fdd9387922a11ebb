import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Bench, describePort, type PortCase } from '../../test/support/conformance.js'
import { guestSide, socketSide, streamSide } from '../../test/support/far-sides.js'
import { deviceExists, enterPrivateNetwork, ip, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntil } from '../../test/support/step-until.js'
import type { Engine } from '../engine/engine.js'
import { acceptUnix, closeFd, connectUnix, listenUnix, socketPair } from '../sys/unix-socket.js'
import type { PortSettings } from './config.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-conformance-'))
const socket = join(folder, 'port.sock')
const noDevices = whyNoDevices()
if (noDevices === undefined) enterPrivateNetwork()
afterAll(() => rmSync(folder, { recursive: true }))

const socketTraces = (): string[] => (existsSync(socket) ? [socket] : [])
const nothing = (): void => {}

/** Steps until the port is up. */
function untilUp(engine: Engine): void {
  const port = engine.ports.find((candidate) => candidate.name === 'port')
  stepUntil(engine, () => port?.status().state === 'up')
}

/** Steps until the port has noticed that its peer went. */
function untilDown(engine: Engine): void {
  stepUntil(engine, () => engine.ports[0]?.status().state !== 'up')
}

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

const TAP = 'rftap0'
function tapCase(title: string, options: { queues?: number; offloads?: boolean }): PortCase {
  const offloads = options.offloads ?? true
  return {
    title,
    skip: noDevices,
    maxFrameBytes: 9000,
    takesOffloads: offloads,
    cutsOnArrival: !offloads,
    exceptions: { fullReceiver: 'the kernel takes every frame; a slow socket on the TAP drops for itself' },
    open(engine: Engine, settings: Partial<PortSettings>) {
      engine.addPort({ kind: 'tap', name: 'port', device: TAP, ...options, ...settings })
      untilUp(engine)
      const bench: Bench = {
        far: socketSide(TAP),
        replug() {
          ip(`link del ${TAP}`)
          untilDown(engine)
          untilUp(engine)
          bench.far = socketSide(TAP)
        },
        traces: () => (deviceExists(TAP) ? [TAP] : []),
        close: nothing,
      }
      return bench
    },
  }
}

function packetCase(title: string, options: { offloads?: boolean }): PortCase {
  const plug = (): void => {
    ip('link add rfport type veth peer name rffar')
    for (const device of ['rfport', 'rffar']) ip(`link set ${device} mtu 9100 up`)
  }
  return {
    title,
    skip: noDevices,
    maxFrameBytes: 9000,
    takesOffloads: options.offloads ?? true,
    exceptions: { fullReceiver: 'the kernel takes every frame; the other end of the veth drops for itself' },
    open(engine: Engine, settings: Partial<PortSettings>) {
      plug()
      engine.addPort({ kind: 'packet', name: 'port', device: 'rfport', ...options, ...settings })
      untilUp(engine)
      const bench: Bench = {
        far: socketSide('rffar'),
        replug() {
          ip('link del rfport')
          untilDown(engine)
          plug()
          untilUp(engine)
          bench.far = socketSide('rffar')
        },
        traces: () => [],
        close: () => void ip('link del rfport'),
      }
      return bench
    },
  }
}

describePort(vifServer)
describePort(clientCase(vifServer, 'vif', guestSide))
describePort(embedded)
describePort(stream)
describePort(clientCase(stream, 'stream', streamSide))
describePort(tapCase('tap', {}))
describePort(tapCase('tap, two queues', { queues: 2 }))
describePort(tapCase('tap, without offloads', { offloads: false }))
describePort(packetCase('packet', {}))
describePort(packetCase('packet, without offloads', { offloads: false }))
