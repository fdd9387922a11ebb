import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { findInstalled, findTool } from '../../src/lab/guest/tools.js'

const BRIDGE = 'rft-br0'
const TAPS = ['rft-peer0', 'rft-peer1'] as const
const able =
  process.getuid?.() === 0 &&
  existsSync('/dev/net/tun') &&
  findInstalled('ip') !== undefined &&
  findTool('linux.uml') !== undefined &&
  findTool('iperf3') !== undefined
if (!able) console.log('skipped: root, /dev/net/tun, ip, linux.uml and iperf3 are needed')

const ip = (command: string) => execFileSync('ip', command.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] })

describe.runIf(able)('two uml guests with vector TAPs on a Linux bridge', () => {
  let guests: Guest[]
  beforeAll(async () => {
    ip(`link add ${BRIDGE} type bridge`)
    ip(`link set dev ${BRIDGE} up`)
    for (const tap of TAPS) {
      ip(`tuntap add dev ${tap} mode tap vnet_hdr`)
      ip(`link set dev ${tap} master ${BRIDGE} up`)
    }
    guests = await Promise.all(
      TAPS.map((ifname, index) => {
        const nic = { transport: { type: 'tap', ifname }, address: `10.98.3.${index + 1}/24` } as const
        return bootGuest({
          name: `peer${index}`,
          kind: 'uml',
          nics: [{ ...nic, address6: `fd98:3::${index + 1}/64`, mac: `52:54:00:98:03:0${index + 1}` }],
        })
      }),
    )
  })
  afterAll(async () => {
    await cleanUp()
    for (const name of [...TAPS, BRIDGE]) ip(`link del dev ${name}`)
  })

  it('bootGuest sets the MAC address that was asked for', async () => {
    const said = await Promise.all(guests.map((guest) => guest.run('cat /sys/class/net/vec0/address')))
    expect(said.map((result) => result.stdout)).toEqual(['52:54:00:98:03:01\n', '52:54:00:98:03:02\n'])
    expect(guests.map((guest) => guest.interfaces)).toEqual([['vec0'], ['vec0']])
  })

  it('ping each other over IPv4 and IPv6', async () => {
    for (const address of ['10.98.3.2', 'fd98:3::2']) {
      const { stdout } = await guests[0]!.run(`busybox ping -c 3 -i 0.2 ${address}`)
      expect(stdout).toContain('3 packets received')
    }
  })

  it('run an iperf3 server and a client at once, and their processor time is seen', async () => {
    const server = guests[1]!.start('iperf3 -s')
    const before = guests.map((guest) => guest.cpuSeconds())
    await guests[1]!.run(
      'for i in 1 2 3 4 5 6 7 8 9; do busybox nc -z 127.0.0.1 5201 && break; sleep 0.2; done',
    )
    const { stdout, code } = await guests[0]!.run('iperf3 -c 10.98.3.2 -t 1 -J')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).end.sum_received.bytes).toBeGreaterThan(1e6)
    for (const [index, guest] of guests.entries())
      expect(guest.cpuSeconds()).toBeGreaterThan(before[index]! + 0.1)
    await server.stop()
  })
})
