// What is sent, and what both ends count meanwhile. Small frames come from pktgen, in the sender's kernel: no program of the
// sender's takes part. They are counted where they arrive. Bulk TCP is iperf3's.
import { sleep } from '../lib/cleanup.mjs'
import { BACKENDS, nobody } from './bed.mjs'
import { readGrantCalls } from './grant-calls.mjs'

/** By name: sender and receiver. The driver domain's end lies behind a bridge of the kernel's or a TAP of Ringferry's. */
export const DIRECTIONS = {
  transmit: ['a', 'dom0'],
  receive: ['dom0', 'a'],
  guests: ['a', 'b'],
}
const WARM_UP_MS = 1000
const IPERF_MS = 60_000
/** A stream of TCP takes so many windows. */
const TCP_TIMES = 2
const TCP_START_S = 2
const PGCTRL = '/proc/net/pktgen/pgctrl'
const FCS_BYTES = 4

/** What an end has counted: its NIC's frames, events by the names of interrupts, busy time in seconds, on its own clock. */
const readCounters = ({ device }, events) => `
cut -d' ' -f1 /proc/uptime
cat /sys/class/net/${device}/statistics/rx_packets
head -n 1 /proc/stat
grep -E '${events}' /proc/interrupts | awk '{ sum += $2 } END { print sum + 0 }'
`
const HZ = 100
const IDLE_FIELDS = [4, 5, 8]

/**
 * @param {{ name: string, run: (command: string) => Promise<string>, nics: Record<string, any> }} end
 * @param {string} backend
 */
async function sample(end, backend) {
  const nic = end.nics[backend]
  // In a guest: of the vif with this place. In the driver domain: netback's by its device, Ringferry's by who opened the channel.
  const place = BACKENDS.indexOf(backend)
  const events = end.name === 'dom0' ? { kernel: 'vif', ringferry: 'evtchn:node' }[backend] : `vif${place}-`
  const [uptime, received, stat, interrupts] = (await end.run(readCounters(nic, events))).trim().split('\n')
  const ticks = stat.trim().split(/\s+/)
  const busy = ticks.slice(1, 9).reduce((sum, each) => sum + Number(each), 0)
  const idle = IDLE_FIELDS.reduce((sum, field) => sum + Number(ticks[field]), 0)
  return {
    atS: Number(uptime),
    received: Number(received),
    busyS: (busy - idle) / HZ,
    events: Number(interrupts),
  }
}

async function sampleAll({ ends }, backend) {
  const [grants, ...samples] = await Promise.all([
    readGrantCalls(ends.dom0),
    ...Object.values(ends).map((end) => sample(end, backend)),
  ])
  const names = Object.keys(ends)
  return { grants, ends: Object.fromEntries(names.map((name, at) => [name, samples[at]])) }
}

/** Both ends answer each other: addresses are known to the bridge, and both links work. A guest asks: the host may have no ping. */
async function meet(bed, ends, backend) {
  const [guest, other] = ends[0] === 'dom0' ? [ends[1], ends[0]] : ends
  const { address } = bed.ends[other].nics[backend]
  await bed.ends[guest].run(`ping -c 1 -w 20 ${address}`)
}

/** What happened between two samples; per frame that arrived. */
function compare(before, after, to) {
  const since = (name, field) => after.ends[name][field] - before.ends[name][field]
  const frames = since(to, 'received')
  const names = Object.keys(after.ends)
  const seconds = (name) => since(name, 'atS')
  /** Of a second of the receiver, whose samples lie a little apart from the others'. */
  const perSecond = (name, field) => since(name, field) / seconds(name)
  const rate = frames / seconds(to)
  const grantsOf = (field) => (after.grants[field] - before.grants[field]) / seconds(to) / rate
  return {
    fps: rate,
    eventsPerFrame: names.reduce((sum, name) => sum + perSecond(name, 'events'), 0) / rate,
    dom0UsPerFrame: (perSecond('dom0', 'busyS') / rate) * 1e6,
    busyUsPerFrame: (names.reduce((sum, name) => sum + perSecond(name, 'busyS'), 0) / rate) * 1e6,
    copiesPerFrame: grantsOf('copies'),
    listsPerFrame: grantsOf('lists'),
  }
}

/** Frames of a size as fast as the sender's NIC takes them. `bytes` counts the check sequence, as switches do. */
export async function measureFrames(bed, { direction, backend, bytes, seconds }) {
  const [from, to] = DIRECTIONS[direction]
  await meet(bed, [from, to], backend)
  const sender = bed.ends[from]
  const { device } = sender.nics[backend]
  const set = [
    'count 0',
    'clone_skb 0',
    `pkt_size ${bytes - FCS_BYTES}`,
    'delay 0',
    `dst_mac ${bed.ends[to].nics[backend].mac}`,
    `dst ${nobody(backend)}`,
    'udp_dst_min 9',
    'udp_dst_max 9',
  ]
  await sender.run(`echo rem_device_all >/proc/net/pktgen/kpktgend_0
echo add_device ${device} >/proc/net/pktgen/kpktgend_0
for word in ${set.map((each) => `'${each}'`).join(' ')}; do echo "$word" >/proc/net/pktgen/${device}; done
(echo start >${PGCTRL}) </dev/null >/dev/null 2>&1 &`)
  await sleep(WARM_UP_MS)
  const before = await sampleAll(bed, backend)
  await sleep(seconds * 1000)
  const after = await sampleAll(bed, backend)
  await sender.run(`echo stop >${PGCTRL}`)
  const result = compare(before, after, to)
  return { ...result, mbps: (result.fps * (bytes - FCS_BYTES) * 8) / 1e6 }
}

/** One stream of TCP, its start left out: on an idle emulated machine round trips take milliseconds, on a busy one many times that. */
export async function measureTcp(bed, { direction, backend, seconds }) {
  const [from, to] = DIRECTIONS[direction]
  await meet(bed, [from, to], backend)
  // Started in a guest, whichever sends: its agent has nothing else to do.
  const [client, server, reverse] = from === 'dom0' ? [to, from, '-R'] : [from, to, '']
  const before = await sampleAll(bed, backend)
  const { address } = bed.ends[server].nics[backend]
  const length = TCP_TIMES * seconds
  const text = await bed.ends[client].run(
    `iperf3 -c ${address} -t ${length} -O ${TCP_START_S} -J ${reverse}`,
    IPERF_MS + 1000 * length,
  )
  const after = await sampleAll(bed, backend)
  const mbps = JSON.parse(text).end.sum_received.bits_per_second / 1e6
  const frames = after.ends[to].received - before.ends[to].received
  return { ...compare(before, after, to), fps: frames / (length + TCP_START_S), mbps }
}
