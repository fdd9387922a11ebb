/** The port conformance suite on kernel devices, in a network namespace of this process. */
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { type Bench, describePort, type PortCase } from '../support/conformance.js'
import { socketSide } from '../support/far-sides.js'
import { deviceExists, enterPrivateNetwork, ip, whyNoDevices } from '../support/private-network.js'
import { untilDown, untilUp } from '../support/step-until.js'

const noDevices = whyNoDevices()
if (noDevices === undefined) enterPrivateNetwork()
const nothing = (): void => {}

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

describePort(tapCase('tap', {}))
describePort(tapCase('tap, two queues', { queues: 2 }))
describePort(tapCase('tap, without offloads', { offloads: false }))
describePort(packetCase('packet', {}))
describePort(packetCase('packet, without offloads', { offloads: false }))
