/** An EVPN fabric by FRR between two namespaces as two hosts, with the switch in the kernel's bridges: docs/many-hosts.md. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HostSwitch, Hosts } from './support/hosts.js'
import { able, until } from './support/network.js'

const FRR = '/usr/lib/frr'
const page = readFileSync(new URL('../../docs/many-hosts.md', import.meta.url), 'utf8')
const MOVER = '02:00:00:00:91:01'
const STAYER = '02:00:00:00:91:02'

/** A block of the page, for one of the two hosts. */
function block(kind: string, index: number): string {
  const text = new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1]
  if (text === undefined) throw new Error(`docs/many-hosts.md has no block of ${kind}`)
  return text.replaceAll('OWN', `10.90.0.${index}`).replaceAll('OTHER', `10.90.0.${3 - index}`)
}

const config = (...devices: string[]): string =>
  [
    'ports:',
    ...['rfbr', ...devices].map((device) => `  - {kind: tap, name: ${device}, device: ${device}}`),
    '',
  ].join('\n')

const isInstalled = existsSync(`${FRR}/bgpd`)
if (!isInstalled) console.log('skipped: FRR is missing; apt-get install frr')

describe.runIf(able('iperf3', 'tap') && isInstalled)('an EVPN fabric by FRR', () => {
  let hosts: Hosts
  const switches = new Map<string, HostSwitch>()

  async function startHost(index: number, ...devices: string[]): Promise<void> {
    const host = `h${index}`
    await hosts.run(host, block('sh-evpn', index))
    const folder = `${hosts.folder}/frr${index}`
    mkdirSync(folder)
    const socket = `${folder}/zserv.api`
    const daemon = async (name: string, text: string): Promise<void> => {
      writeFileSync(`${folder}/${name}.conf`, text)
      hosts.start(host, `${FRR}/${name}`, [
        ...['-u', 'root', '-g', 'frrvty', '-f', `${folder}/${name}.conf`, '-i', `${folder}/${name}.pid`],
        ...['-z', socket, '--vty_socket', folder, '-A', '127.0.0.1', '-P', '0'],
      ])
    }
    await daemon('zebra', '\n')
    await until('zebra listens', () => existsSync(socket))
    await daemon('bgpd', block('frr', index))
    switches.set(host, hosts.switch(host, config(...devices)))
    await hosts.device(host, 'rfbr')
    await hosts.run(host, 'ip link set rfbr master br0')
  }

  beforeAll(async () => {
    hosts = await Hosts.pair('mover', 'stayer')
    await Promise.all([startHost(1, 'one'), startHost(2, 'stay')])
    const at = { host: 'h1', device: 'one', guest: 'mover', address: '10.91.0.1', mac: MOVER }
    await hosts.plug(at)
    await hosts.plug({ host: 'h2', device: 'stay', guest: 'stayer', address: '10.91.0.2', mac: STAYER })
    await hosts.reach('mover', '10.91.0.2')
  }, 60_000)
  afterAll(() => hosts?.stop())

  /** Whether the kernel's tunnel of a host has a MAC behind a host, as BGP told it (extern_learn). */
  const isBehind = async (host: string, mac: string, address: string): Promise<boolean> =>
    (await hosts.run(host, 'bridge fdb show dev vx100'))
      .split('\n')
      .some(
        (line) => line.startsWith(mac) && line.includes(`dst ${address}`) && line.includes('extern_learn'),
      )

  it('tells by BGP where guests are', async () => {
    await until('both MACs are known', async () => {
      const known = [await isBehind('h1', STAYER, '10.90.0.2'), await isBehind('h2', MOVER, '10.90.0.1')]
      return known.every(Boolean)
    })
    expect(await isBehind('h1', MOVER, '10.90.0.2')).toBe(false)
  })

  it('keeps the TCP connection of a guest that moves to the other host', async () => {
    const moved = new Promise((resolve) => setTimeout(resolve, 1500)).then(async () => {
      switches.get('h1')?.reload(config())
      switches.get('h2')?.reload(config('stay', 'two'))
      await hosts.plug({ host: 'h2', device: 'two', guest: 'mover', address: '10.91.0.1', mac: MOVER })
    })
    const bytes = hosts.tcp('mover', 'stayer', '10.91.0.2', '-t 6 -i 1')
    await moved
    const countOf = async (): Promise<number> =>
      Number(await hosts.run('mover', 'cat /sys/class/net/two/statistics/tx_bytes'))
    const atMove = await countOf()
    expect(await bytes).toBeGreaterThan(0)
    // What was sent after the move went by the new host, on the same connection.
    expect((await countOf()) - atMove).toBeGreaterThan(1 << 20)
    await until('the first host hears that it moved', () => isBehind('h1', MOVER, '10.90.0.2'))
  }, 40_000)
})
