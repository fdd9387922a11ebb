// Two guests of Xen, each with two vifs: the first is the kernel's (netback and a Linux bridge), the second Ringferry's. Both
// backends are there all the time and wait; which one works is decided by which NIC is sent to.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { undoLater } from '../lib/cleanup.mjs'
import { progress } from '../lib/report.mjs'
import { loadXenHost } from '../lib/xen-host.mjs'
import { countGrantCalls } from './grant-calls.mjs'

const RESULTS = fileURLToPath(new URL('../results/xen', import.meta.url))
/** Ringferry's port of a guest has the guest's name. */
export const GUESTS = ['a', 'b']
/** Vifs by their place in the guest's configuration. */
export const BACKENDS = ['kernel', 'ringferry']
const [KERNEL] = BACKENDS
const CONFIG = `ports:
${GUESTS.map((name) => `  - {kind: xen, name: ${name}, guest: ${name}, handle: ${BACKENDS.indexOf('ringferry')}}`).join('\n')}
  - {kind: tap, name: host, device: rf0}
`
/** The driver domain's own end of each backend. */
const HOST_DEVICE = { kernel: 'br0', ringferry: 'rf0' }

const mac = (guest, backend) => `00:16:3e:00:0${BACKENDS.indexOf(backend)}:0${GUESTS.indexOf(guest) + 1}`
const network = (backend) => `10.${BACKENDS.indexOf(backend) + 8}.0`

/** Nobody has it: what is sent there to a station that is no router is dropped by its kernel, after the NIC has counted it. */
export const nobody = (backend) => `${network(backend)}.99`

/** Netback takes the vifs that it is given, not all that there are: Ringferry's are beside them. */
const LOAD_NETBACK = `
echo 0 >/sys/bus/xen-backend/drivers_autoprobe
modprobe -a xen-netback pktgen
ip link add br0 type bridge && ip link set br0 up && ip addr add ${network(KERNEL)}.1/24 dev br0
`
/** In the background: gives the first vif of each guest to netback when the toolstack has made it, and its device to the bridge. */
const BIND = `while :; do
  for path in /sys/bus/xen-backend/devices/vif-*-${BACKENDS.indexOf(KERNEL)}; do
    [ -e "$path" ] && [ ! -e "$path/driver" ] && echo "\${path##*/}" >/sys/bus/xen-backend/drivers/vif/bind
  done
  for path in /sys/class/net/vif*; do
    [ -e "$path" ] && [ ! -e "$path/master" ] && ip link set "\${path##*/}" master br0 up
  done
  sleep 1
done 2>/dev/null`

/** An end of the traffic: how commands run there, and its NIC and addresses by backend. */
function end(name, run, nics) {
  return { name, run, nics }
}

async function startGuest(machine, XenGuest, { name, type }) {
  const guest = new XenGuest(machine, {
    ...{ name, type, channel: GUESTS.indexOf(name) },
    vifs: BACKENDS.map((backend) => `mac=${mac(name, backend)},script=vif-ringferry`),
  })
  progress(`creating guest ${name}`)
  await guest.create()
  const nics = {}
  for (const backend of BACKENDS) {
    const address = `${network(backend)}.${GUESTS.indexOf(name) + 2}`
    const device = await guest.must(
      `until path=$(grep -l ${mac(name, backend)} /sys/class/net/*/address); do sleep 0.2; done
       device=$(echo $path | cut -d/ -f5)
       ip link set $device up && ip addr add ${address}/24 dev $device && echo $device`,
    )
    nics[backend] = { device: device.trim(), mac: mac(name, backend), address }
  }
  await guest.must('iperf3 -s -D >/dev/null 2>&1')
  return end(name, (command, timeoutMs) => guest.must(command, timeoutMs), nics)
}

/**
 * Boots the machine, with everything in place. Undone at the end of the bench.
 * @param {{ cpus: number, icountShift?: number | undefined, type?: string }} options emulated processors;
 *   XenMachineOptions.icountShift; what the guests are: "pv" or "pvh"
 */
export async function startXenBed({ cpus, icountShift, type = 'pv' }) {
  const { XenMachine, XenGuest, XenRingferry } = await loadXenHost()
  progress('booting Xen')
  const machine = await XenMachine.boot(RESULTS, { cpus, icountShift })
  undoLater(() => machine.stop())
  await machine.must(LOAD_NETBACK)
  const binding = machine.agent.start(BIND)
  progress('starting Ringferry in the driver domain')
  const ringferry = await XenRingferry.make(machine, CONFIG)
  await ringferry.start()
  await machine.must(`ip link set rf0 up && ip addr add ${network('ringferry')}.1/24 dev rf0`)
  const guests = []
  for (const name of GUESTS) guests.push(await startGuest(machine, XenGuest, { name, type }))
  await machine.must('until [ -e /sys/class/net/vif2.0/master ]; do sleep 0.2; done')
  await binding.stop()
  await machine.must('iperf3 -s -D >/dev/null 2>&1')
  const nics = {}
  for (const backend of BACKENDS) {
    const device = HOST_DEVICE[backend]
    const address = await machine.must(`cat /sys/class/net/${device}/address`)
    nics[backend] = { device, mac: address.trim(), address: `${network(backend)}.1` }
  }
  const dom0 = end('dom0', (command, timeoutMs) => machine.must(command, timeoutMs), nics)
  await countGrantCalls(dom0)
  return {
    machine,
    ringferry,
    ends: { dom0, a: guests[0], b: guests[1] },
    log: join(RESULTS, 'ringferry.log'),
  }
}
