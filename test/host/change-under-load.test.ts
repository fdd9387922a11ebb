/** A running switch is changed a thousand times, by the library and through its API in turn, while two guests beside exchange numbered datagrams. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient } from '../../src/daemon/api/client.js'
import { applyConfig } from '../../src/daemon/api/routes/config.js'
import { getStatus } from '../../src/daemon/api/routes/status.js'
import type { RunningApi } from '../../src/daemon/api/serve.js'
import { serveApi } from '../../src/daemon/serve-api.js'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import type { PortChange } from '../../src/port/change.js'
import type { VifConfig } from '../../src/port/config.js'
import { able, Network, until } from './support/network.js'
import { allowBuffers, IPERF_PORT, listening, must, pingLoss } from './support/traffic.js'

const CHANGES = 1000
const PORTS = 200
/** Ports added, and removed, at once. */
const BATCH = 10
/** A guest that its host lets wait for a second has room for what comes meanwhile. */
const RATE_FPS = 250
const PAYLOAD_BYTES = 200
/** Of one stream: as many follow each other as the changes last. */
const STREAM_S = 20
/** Some frames cross between two changes. */
const BETWEEN_MS = 5
const NAMES = ['a', 'b', 'c', 'd'] as const

/** Settings that the changed port gets in turn; what is left out has its default. */
const SETTINGS: readonly Partial<VifConfig>[] = [
  { vlan: 10 },
  { macs: ['02:00:00:00:00:77'] },
  { fromVm: { averageKiB: 100, framesPerSecond: 50 }, toVm: { averageKiB: 100 } },
  { isolated: true, publish: 'per-packet' },
  { trunk: [10, 20], nativeVlan: 30, sticky: true },
  { addresses: ['10.91.0.3', 'link-local'], learn: { dhcp: true } },
  { weight: 3, targetUs: 100, merge: false, thinAcks: true },
  {},
]

interface Stream {
  readonly packets: number
  readonly lost_packets: number
  readonly out_of_order: number
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

describe.runIf(able('uml', 'iperf3'))('a switch that is changed under load', () => {
  let network: Network
  let api: RunningApi | undefined
  let client: ApiClient
  let control = ''
  const guests: Guest[] = []

  beforeAll(async () => {
    network = await Network.start()
    const boot = async (name: string, host: number): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: await network.vif(name) } as const
      const nic = { transport, address: `10.91.0.${host}/24` }
      return bootGuest({ name: `uml-${name}`, kind: 'uml', nics: [nic] })
    }
    guests.push(...(await Promise.all(NAMES.map((name, at) => boot(name, at + 1)))))
    await allowBuffers(...guests)
    // A folder of its own: what is in the ports' is counted.
    control = mkdtempSync(join(tmpdir(), 'rft-control-'))
    api = await serveApi(network.switch, { socket: join(control, 'c.sock') })
    client = new ApiClient(join(control, 'c.sock'))
    await client.call(getStatus)
  })
  afterAll(async () => {
    await api?.close()
    rmSync(control, { recursive: true, force: true })
    await network?.stop()
  })

  const config = (name: string, more: Partial<VifConfig> = {}): VifConfig => ({
    ...more,
    kind: 'vif',
    name,
    socket: network.socket(name),
  })

  /** The same through the API, as a configuration that is to be: what `ringferry config apply` does. */
  async function applyByApi(list: readonly PortChange[]): Promise<void> {
    const changed = new Map(network.switch.configs().map((port) => [port.name, port]))
    for (const each of list)
      if (each.change === 'remove') changed.delete(each.name)
      else changed.set(each.config.name, each.config)
    const text = JSON.stringify({ ports: [...changed.values()] })
    const { changes } = await client.call(applyConfig, { body: { text } })
    expect(changes.length).toBe(list.length)
  }

  /** The changes in batches: of one port's settings, and of ports that come and go between them. */
  async function changeAll(): Promise<void> {
    const spare = Array.from({ length: BATCH }, (_, at) => `x${at}`)
    const comeAndGo = PORTS / BATCH
    for (let change = 0; change < CHANGES; change++) {
      const list: PortChange[] = [{ change: 'set', config: config('c', SETTINGS[change % SETTINGS.length]) }]
      const phase = change % (CHANGES / comeAndGo)
      if (phase === 0) list.push(...spare.map((name) => ({ change: 'add', config: config(name) }) as const))
      if (phase === BATCH) list.push(...spare.map((name) => ({ change: 'remove', name }) as const))
      if (change % 2 === 0) await network.switch.apply(list)
      else await applyByApi(list)
      await sleep(BETWEEN_MS)
    }
    await network.switch.apply([{ change: 'set', config: config('c') }])
  }

  it('loses and reorders no frame of another pair in 1,000 changes of a port and 200 ports that come and go', async () => {
    const [a, b, c] = guests as [Guest, Guest, Guest]
    // Everybody knows everybody, and each has asked for what it will have.
    expect(await pingLoss(a, '10.91.0.2')).toBe(0)
    expect(await pingLoss(c, '10.91.0.4')).toBe(0)
    await network.switch.refresh()
    const drops = () => ['a', 'b'].map((name) => network.counters(name).drops)
    const before = {
      free: network.switch.freeBytes,
      drops: drops(),
      descriptors: descriptors(),
      status: network.switch.status(),
      sockets: readdirSync(network.folder),
    }
    const events = network.events.length
    const server = b.start(`iperf3 -s -p ${IPERF_PORT}`)
    server.done.catch(() => {})
    await must(b, listening(IPERF_PORT))
    const busy = c.start('busybox ping -i 0.05 10.91.0.4')
    const bps = RATE_FPS * PAYLOAD_BYTES * 8
    const stream = async (): Promise<readonly Stream[]> => {
      const { stdout } = await a.run(
        `iperf3 -J -u -c 10.91.0.2 -p ${IPERF_PORT} -t ${STREAM_S} -b ${bps} -l ${PAYLOAD_BYTES} -w 4M --bidir`,
        { timeoutMs: 60_000 },
      )
      const report = JSON.parse(stdout) as { end: { streams: { udp: Stream }[] } }
      return report.end.streams.map(({ udp }) => udp)
    }
    const frames = (): number => network.counters('b').counts.egress_frames
    const began = frames()
    const first = stream()
    await until('the stream runs', () => frames() > began + RATE_FPS)
    let isChanging = true
    const changing = changeAll().finally(() => {
      isChanging = false
    })
    changing.catch(() => {})
    const streams: Stream[] = [...(await first)]
    // A machine may need longer for the changes than for one stream.
    while (isChanging) streams.push(...(await stream()))
    await changing
    expect(frames() - began).toBeGreaterThan(CHANGES)
    await busy.stop()
    await server.stop().catch(() => {})
    expect(streams.length).toBeGreaterThan(0)
    for (const { packets, lost_packets: lost, out_of_order: disorder } of streams) {
      expect(packets).toBeGreaterThan((RATE_FPS * STREAM_S) / 2)
      expect({ lost, disorder }).toEqual({ lost: 0, disorder: 0 })
    }
    expect(drops()).toEqual(before.drops)
    expect(network.events.slice(events)).toEqual([])
    await network.switch.refresh()
    expect({
      free: network.switch.freeBytes,
      drops: drops(),
      descriptors: descriptors(),
      status: network.switch.status(),
      sockets: readdirSync(network.folder),
    }).toEqual(before)
    expect(await pingLoss(c, '10.91.0.4')).toBe(0)
  })
})
