/** DPDK's testpmd between two vhost ports: it forwards without looking. A thread of it never sleeps. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RingferryError } from '../../errors/errors.js'
import type { PortCount } from './bed.js'
import type { Fabric, FabricContext, NicLink } from './fabric.js'
import { FeatureRelay } from './feature-relay.js'
import { PeerProcess, peerProgram } from './peer-process.js'
import type { NicPlan, VmPlan } from './plan.js'

/**
 * What User-Mode Linux 6.1 survives of testpmd's offer: CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4,
 * HOST_TSO6, MRG_RXBUF, PROTOCOL_FEATURES, VERSION_1 and what goes with them.
 */
const KEPT_FEATURES = 0x170009983n

class TestpmdFabric implements Fabric {
  readonly #sockets: ReadonlyMap<string, string>
  readonly #running: PeerProcess

  constructor(sockets: ReadonlyMap<string, string>, running: PeerProcess) {
    this.#sockets = sockets
    this.#running = running
  }

  async link(_vm: VmPlan, { port }: NicPlan): Promise<NicLink> {
    const path = this.#sockets.get(port)
    if (path === undefined) throw new RingferryError('CONFIG', `bed: testpmd has no port ${port}`)
    return { transport: { type: 'vhost-user', path } }
  }

  /** It counts, but tells only when asked by its prompt. */
  counts(): PortCount {
    return {}
  }

  cpuSeconds(): number {
    return this.#running.seconds()
  }

  async reshape(): Promise<boolean> {
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    return {
      features: `0x${KEPT_FEATURES.toString(16)}`,
      note: 'two ports, forward mode io, one polling thread that never sleeps',
    }
  }
}

/** Throws NOT_FOUND, GUEST. */
export async function startTestpmd(plans: readonly VmPlan[], context: FabricContext): Promise<Fabric> {
  const { folder, tag } = context
  const ports = plans.flatMap((plan) => plan.nics.map((nic) => nic.port))
  const backends = ports.map((port) => join(folder, `${port}.dpdk`))
  const arguments_ = [
    ...['-oL', peerProgram('dpdk-testpmd', 'dpdk')],
    ...['--no-huge', '-m', '512', '--lcores', '0,1', '--no-pci', '--no-telemetry', `--file-prefix=rf${tag}`],
    ...backends.flatMap((path, index) => ['--vdev', `net_vhost${index},iface=${path},tso=1`]),
    ...['--', '-i', '--auto-start', '--forward-mode=io', '--no-mlockall'],
    ...['--total-num-mbufs=65536', '--nb-cores=1'],
  ]
  const running = new PeerProcess(peerProgram('stdbuf', 'coreutils'), arguments_, context, {
    XDG_RUNTIME_DIR: folder,
  })
  await running.until(() => backends.every((path) => existsSync(path)), 'its two sockets')
  const sockets = new Map<string, string>()
  for (const [index, port] of ports.entries()) {
    const path = join(folder, `${port}.sock`)
    const relay = new FeatureRelay(path, backends[index] ?? '', KEPT_FEATURES)
    context.undo.add(() => relay.close())
    sockets.set(port, path)
  }
  return new TestpmdFabric(sockets, running)
}
