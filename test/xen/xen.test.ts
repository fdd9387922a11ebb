/** Ringferry in a real driver domain: netfront of PV and PVH guests, with `xl` and its configuration files as they are. */
import { createHash, randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { XenGuest } from '../../src/lab/xen/guest.js'
import { XenMachine } from '../../src/lab/xen/machine.js'
import { XenRingferry } from '../../src/lab/xen/ringferry.js'

/** Where logs of the last run are kept. */
const RESULTS = fileURLToPath(new URL('../../test-results/xen', import.meta.url))
const HOST = '10.9.0.1'
const ADDRESSES: Readonly<Record<string, string>> = { pv: '10.9.0.2', pvh: '10.9.0.3' }
/** Bytes per second that `rate=` lets the PVH guest send. */
const RATE_BYTES = 100_000
const CONFIG = `ports:
  - {kind: xen, name: pv, guest: pv}
  - {kind: xen, name: pvh, guest: pvh, ownMac: true}
  - {kind: tap, name: host, device: rf0}
`
const TRANSFER_MS = 120_000
/** With a start of Ringferry in it. */
const RESTART_MS = 400_000
const MB = 1e6
const LARGEST_FILE_MB = 100
const FILE_PORT = 7000
/** How long the file may take, by what the link was seen to carry. */
const FILE_S = 40

let xen: XenMachine
let switchd: XenRingferry
const guests: Record<string, XenGuest> = {}

const guest = (name: string): XenGuest => guests[name] as XenGuest

/** The host's end and its server: both go with the switch, which makes the TAP. */
async function bringUpHost(): Promise<void> {
  await xen.must(`ip link set rf0 up && ip addr replace ${HOST}/24 dev rf0`)
}

async function bringUp(name: string): Promise<void> {
  await guest(name).must(
    `until ip link set eth0 up; do sleep 0.2; done; ip addr add ${ADDRESSES[name]}/24 dev eth0`,
  )
}

async function ping(name: string, to: string, options = ''): Promise<string> {
  return guest(name).must(`ping -c 3 -i 0.2 -w 40 ${options} ${to}`)
}

interface IperfEnd {
  readonly bytes: number
  readonly seconds: number
}

/** Runs iperf3 in a guest against the host. Returns what was received. */
async function iperf(name: string, options: string): Promise<IperfEnd> {
  const text = await guest(name).must(`iperf3 -c ${HOST} -J ${options}`, TRANSFER_MS)
  const { end } = JSON.parse(text) as { end: { sum_received?: IperfEnd; sum: IperfEnd } }
  return end.sum_received ?? end.sum
}

beforeAll(async () => {
  xen = await XenMachine.boot(RESULTS)
  switchd = await XenRingferry.make(xen, CONFIG)
  await switchd.start()
  await bringUpHost()
  await xen.must('iperf3 -s -D')
  const vifs = {
    pv: ['mac=00:16:3e:00:00:01,script=vif-ringferry'],
    pvh: [`mac=00:16:3e:00:00:02,script=vif-ringferry,rate=${RATE_BYTES / 1000}KB/s`],
  }
  for (const [channel, type] of (['pv', 'pvh'] as const).entries()) {
    guests[type] = new XenGuest(xen, { name: type, type, vifs: vifs[type], channel })
    await guest(type).create()
    await bringUp(type)
  }
})

afterAll(() => xen?.stop())

describe.each(['pv', 'pvh'])('a %s guest', (name) => {
  it('reaches the host behind a TAP', async () => {
    expect(await switchd.state(name)).toBe('up')
    expect(await ping(name, HOST)).toContain('3 packets received')
  })

  it.each([
    18, 1000, 1472, 4000, 20_000,
  ])('gets its answers whole when pings have %i bytes', async (bytes) => {
    expect(await ping(name, HOST, `-s ${bytes}`)).toContain('3 packets received')
  })
})

it('guests of both kinds reach each other', async () => {
  expect(await ping('pv', ADDRESSES.pvh as string)).toContain('3 packets received')
})

it('GSO frames cross whole when a guest sends by TCP, and when it receives', async () => {
  const before = await switchd.counters('pv')
  expect((await iperf('pv', '-t 3')).bytes).toBeGreaterThan(0)
  expect((await iperf('pv', '-t 3 -R')).bytes).toBeGreaterThan(0)
  const after = await switchd.counters('pv')
  expect(after.ingress_gso_frames).toBeGreaterThan(before.ingress_gso_frames ?? 0)
  expect(after.egress_gso_frames).toBeGreaterThan(before.egress_gso_frames ?? 0)
  expect(after.segmented ?? 0).toBe(before.segmented ?? 0)
  // Several segments by one call of the hypervisor.
  const copies = (after.grant_copies ?? 0) - (before.grant_copies ?? 0)
  const lists = (after.grant_lists ?? 0) - (before.grant_lists ?? 0)
  expect(copies).toBeGreaterThan(lists)
})

it.each([18, 512, 1472])('UDP datagrams of %i bytes arrive both ways', async (bytes) => {
  for (const direction of ['', '-R'])
    expect((await iperf('pv', `-u -b 400k -t 2 -l ${bytes} ${direction}`)).bytes).toBeGreaterThan(0)
})

it('a file arrives with the bytes that it was sent with', async () => {
  const { bytes, seconds } = await iperf('pv', '-t 3 -R')
  const sizeMb = Math.max(1, Math.min(LARGEST_FILE_MB, Math.floor(((bytes / seconds) * FILE_S) / MB)))
  console.log(
    `a file of ${sizeMb} MB (at most ${LARGEST_FILE_MB}; ${(bytes / seconds / MB).toFixed(2)} MB/s were seen)`,
  )
  // Made and hashed out here, where that is quick; the driver domain sees the folder.
  const content = randomBytes(sizeMb * MB)
  writeFileSync(join(RESULTS, 'file'), content)
  await xen.must(`busybox httpd -p ${FILE_PORT} -h /mnt/results`)
  // Hashed as it comes: the guest's memory holds no such file.
  const received = await guest('pv').must(
    `wget -q -O - http://${HOST}:${FILE_PORT}/file | sha256sum`,
    TRANSFER_MS,
  )
  rmSync(join(RESULTS, 'file'))
  expect(received.slice(0, 64)).toBe(createHash('sha256').update(content).digest('hex'))
})

it('a guest sends no faster than the rate of its xl configuration', async () => {
  const [beginMs, before] = [Date.now(), await switchd.counters('pvh')]
  await iperf('pvh', '-u -b 4M -t 4 -l 1000')
  const after = await switchd.counters('pvh')
  const seconds = (Date.now() - beginMs) / 1000
  const bytes = (after.ingress_bytes ?? 0) - (before.ingress_bytes ?? 0)
  expect(bytes).toBeGreaterThan(0)
  // What may pass in one interval, a twentieth of a second, may come at once.
  expect(bytes).toBeLessThan(RATE_BYTES * (seconds + 1))
})

it('a guest that takes another MAC address is not heard where the port holds it to its own', async () => {
  const setMac = (mac: string) =>
    guest('pvh').must(`ip link set eth0 down; ip link set eth0 address ${mac}; ip link set eth0 up`)
  await setMac('00:16:3e:00:00:99')
  const { code } = await guest('pvh').agent.run(`ping -c 2 -w 5 ${HOST}`, { timeoutMs: 60_000 })
  expect(code).not.toBe(0)
  const { drops } = await switchd.counters('pvh')
  expect(drops.spoofed).toBeGreaterThan(0)
  await setMac('00:16:3e:00:00:02')
  expect(await ping('pvh', HOST)).toContain('3 packets received')
})

it('a port waits for its guest and takes it again when the guest reboots', async () => {
  const before = await guest('pvh').domainId()
  await guest('pvh').reboot()
  expect(await guest('pvh').domainId()).not.toBe(before)
  await bringUp('pvh')
  expect(await ping('pvh', HOST)).toContain('3 packets received')
})

it(
  'a guest goes on when the switch is killed under traffic and started anew',
  async () => {
    const traffic = guest('pv').agent.start(`ping -c 400 -i 1 ${HOST} | tail -n 2`)
    await switchd.kill()
    await switchd.start()
    await bringUpHost()
    await switchd.until('pv', 'up')
    expect(await ping('pv', HOST)).toContain('3 packets received')
    await traffic.stop()
    expect((await iperf('pv', '-t 2')).bytes).toBeGreaterThan(0)
  },
  RESTART_MS,
)

it('a vif is unplugged and plugged in while its guest runs', async () => {
  await xen.must('xl network-detach pvh 0')
  await switchd.until('pvh', 'waiting')
  await xen.must('xl network-attach pvh mac=00:16:3e:00:00:02 script=vif-ringferry')
  await switchd.until('pvh', 'up')
  await bringUp('pvh')
  expect(await ping('pvh', HOST)).toContain('3 packets received')
})

it('a port waits again when its guest is destroyed', async () => {
  await guest('pvh').destroy()
  await switchd.until('pvh', 'waiting')
  expect(await ping('pv', HOST)).toContain('3 packets received')
})
