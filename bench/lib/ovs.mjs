// Open vSwitch with DPDK as a switch under test: database and daemon of its own, in a network namespace of its own,
// for the TAPs that it makes beside its ports. Needs root, openvswitch-switch and openvswitch-switch-dpdk; no huge
// pages, as testpmd.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { undoLater } from './cleanup.mjs'
import { manage, waitFor } from './switches.mjs'

const run = promisify(execFile)
const DAEMON = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
const BRIDGE = 'bench'
/** --legacy-mem: what --no-huge stands for, said so that the daemon adds nothing that forbids it. */
const DPDK = '--no-huge --legacy-mem --no-shconf --no-telemetry -m 1024'
const MAC_TABLE = 65_536
const LONGEST_IDLE_MS = 3_600_000
/** The longest time that an address is kept. */
const LONGEST_AGE_S = 3600

/**
 * Starts it with vhost-user ports, its polling thread on a processor. Throws with the reason when it cannot run here.
 * @param {{ cpu: number, otherCpu: number, ports: number }} setup `otherCpu` has its other threads
 */
export async function startOvs({ cpu, otherCpu, ports }) {
  if (!existsSync(DAEMON)) throw new Error('openvswitch-switch-dpdk is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'ovs-bench-'))
  undoLater(() => rmSync(folder, { recursive: true, force: true }))
  const environment = {
    ...process.env,
    ...{ OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder, OVS_SYSCONFDIR: folder },
  }
  const [database, socket, control] = ['conf.db', 'db.sock', 'ctl'].map((name) => join(folder, name))
  const start = (command, args) => {
    const child = spawn(command, args, { env: environment, stdio: ['ignore', 'ignore', 'ignore'] })
    child.on('error', () => {})
    return child
  }
  await run('ovsdb-tool', ['create', database, SCHEMA], { env: environment })
  const args = [`--remote=punix:${socket}`, `--unixctl=${join(folder, 'store')}`, database]
  const store = manage('ovsdb-server', start('ovsdb-server', args))
  await waitFor('ovsdb-server', () => existsSync(socket), store.child)
  const ask = (...words) =>
    run('ovs-vsctl', [`--db=unix:${socket}`, '--timeout=20', ...words], { env: environment })
  const settings = {
    'dpdk-init': 'true',
    'dpdk-extra': DPDK,
    'pmd-cpu-mask': `0x${(1 << cpu).toString(16)}`,
    'dpdk-lcore-mask': `0x${(1 << otherCpu).toString(16)}`,
    'max-idle': String(LONGEST_IDLE_MS),
  }
  await ask('--no-wait', 'init')
  const words = Object.entries(settings).map(([name, value]) => `other_config:${name}="${value}"`)
  await ask('--no-wait', 'set', 'Open_vSwitch', '.', ...words)
  const daemon = ['-n', DAEMON, `unix:${socket}`, `--unixctl=${control}`, `--log-file=${join(folder, 'log')}`]
  const made = manage('OVS-DPDK', start('unshare', daemon))
  await waitFor('ovs-vswitchd', () => existsSync(control), made.child)
  const ageing = [`other_config:mac-table-size=${MAC_TABLE}`, `other_config:mac-aging-time=${LONGEST_AGE_S}`]
  await ask('add-br', BRIDGE, '--', 'set', 'bridge', BRIDGE, 'datapath_type=netdev', ...ageing)
  const names = Array.from({ length: ports }, (_, index) => `p${index}`)
  for (const name of names)
    await ask('add-port', BRIDGE, name, '--', 'set', 'Interface', name, 'type=dpdkvhostuser')
  const sockets = names.map((name) => join(folder, name))
  await waitFor('ovs-vswitchd', () => sockets.every(existsSync), made.child)
  return { ...made, sockets }
}
