/**
 * Open vSwitch with its datapath in userspace: its own database, daemon and folder, so that the host's own
 * (if there is one) is not touched.
 *
 * The build with DPDK can hand segments and partial checksums through (userspace-tso-enable) and takes vector
 * TAPs of User-Mode Linux. The plain build cannot: guests compute checksums and cut segments themselves.
 */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import type { PortCount } from './bed.js'
import type { Fabric, FabricContext, NicLink } from './fabric.js'
import { addDevice, switchSide } from './kernel-switch.js'
import { PeerProcess, peerProgram } from './peer-process.js'
import { deviceName, type NicPlan, type VmPlan } from './plan.js'
import { deviceCount } from './port-count.js'

const run = promisify(execFile)
const PACKAGE = 'openvswitch-switch'
const DPDK_BUILD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
const LIMIT_MS = 30_000

interface Setup {
  readonly bridge: string
  /** Offloads cross it. */
  readonly tso: boolean
  readonly control: (...args: string[]) => Promise<void>
  readonly processes: readonly PeerProcess[]
}

class OvsFabric implements Fabric {
  readonly #setup: Setup
  readonly #context: FabricContext

  constructor(setup: Setup, context: FabricContext) {
    this.#setup = setup
    this.#context = context
  }

  async link(vm: VmPlan, nic: NicPlan): Promise<NicLink> {
    const { bridge, tso, control } = this.#setup
    await addDevice(vm, nic, tso, this.#context)
    await control('add-port', bridge, switchSide(vm, nic))
    if (tso) return { transport: { type: 'tap', ifname: nic.device } }
    if (vm.spec.kind === 'uml') return { transport: { type: 'tuntap', ifname: nic.device } }
    const transport = { type: 'tap', ifname: nic.device } as const
    if (vm.spec.kind === 'qemu') return { transport, virtio: { csum: 'off', gso: 'off' } }
    return { transport, offloads: false }
  }

  counts(vm: VmPlan, nic: NicPlan): PortCount {
    return deviceCount(switchSide(vm, nic), false)
  }

  cpuSeconds(): number {
    return this.#setup.processes.reduce((sum, running) => sum + running.seconds(), 0)
  }

  async reshape(): Promise<boolean> {
    return true
  }

  async describe(): Promise<Record<string, unknown>> {
    const { tso } = this.#setup
    const note = 'built without DPDK: no offloads cross it; openvswitch-switch-dpdk has the other build'
    return { datapath: 'netdev', userspaceTso: tso, ...(tso ? {} : { note }) }
  }
}

/** Whether a program was built with DPDK: the plain build carries this excuse instead. Source: lib/dpdk-stub.c. */
function hasDpdk(path: string): boolean {
  return !readFileSync(path).includes('DPDK not supported in this copy of Open vSwitch')
}

/** Throws NOT_FOUND, GUEST. */
export async function startOvs(context: FabricContext): Promise<Fabric> {
  const daemon = existsSync(DPDK_BUILD) ? DPDK_BUILD : peerProgram('ovs-vswitchd', PACKAGE)
  const tool = peerProgram('ovsdb-tool', PACKAGE)
  const server = peerProgram('ovsdb-server', PACKAGE)
  const vsctl = peerProgram('ovs-vsctl', PACKAGE)
  const tso = hasDpdk(daemon)
  // Without offloads across the switch they are switched off in the VMs.
  if (!tso) peerProgram('ethtool', 'ethtool')
  const { folder } = context
  const environment = {
    OVS_RUNDIR: folder,
    OVS_LOGDIR: folder,
    OVS_DBDIR: folder,
    OVS_SYSCONFDIR: folder,
    OVS_PKGDATADIR: '/usr/share/openvswitch',
  }
  const database = join(folder, 'conf.db')
  const socket = join(folder, 'db.sock')
  const call = async (path: string, args: string[]): Promise<void> => {
    try {
      await run(path, args, { timeout: LIMIT_MS, env: { ...process.env, ...environment } })
    } catch (error) {
      const words = String((error as { stderr?: string }).stderr || error)
        .trim()
        .split('\n')
        .at(-1)
      throw new RingferryError('GUEST', `Open vSwitch: ${args.slice(-4).join(' ')}: ${words}`, {
        cause: error,
      })
    }
  }
  await call(tool, ['create', database, SCHEMA])
  const store = new PeerProcess(
    server,
    [`--remote=punix:${socket}`, `--unixctl=${join(folder, 'store.ctl')}`, database],
    context,
    environment,
  )
  await store.until(() => existsSync(socket), 'its socket')
  const control = (...args: string[]) => call(vsctl, [`--db=unix:${socket}`, '--timeout=20', ...args])
  await control('--no-wait', 'init')
  if (tso) await control('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:userspace-tso-enable=true')
  const unixctl = join(folder, 'switch.ctl')
  const running = new PeerProcess(daemon, [`unix:${socket}`, `--unixctl=${unixctl}`], context, environment)
  await running.until(() => existsSync(unixctl), 'its control socket')
  const bridge = deviceName(context.tag, 'b', 0, 0)
  // The bridge has a TAP of its own name in the host; the database forgets it only while the daemon runs.
  context.undo.watchLink(bridge)
  context.undo.add(() => control('--if-exists', 'del-br', bridge))
  await control('add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev')
  return new OvsFabric({ bridge, tso, control, processes: [store, running] }, context)
}
