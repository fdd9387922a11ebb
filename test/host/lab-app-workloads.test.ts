import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bed, VmKind } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { fileWorkload } from '../../src/lab/workload/file.js'
import { migrationWorkload } from '../../src/lab/workload/migration.js'
import { streamingWorkload } from '../../src/lab/workload/streaming.js'
import { webWorkload } from '../../src/lab/workload/web.js'
import type { Workload, WorkloadResult, WorkloadSite } from '../../src/lab/workload/workload.js'
import { able } from './support/network.js'

const WEB = existsSync('/usr/sbin/nginx') && existsSync('/usr/bin/wrk')
if (!WEB) console.log('skipped: nginx or wrk is missing; apt-get install nginx-light wrk')

function build(kind: VmKind): Promise<Bed> {
  const vms = ['a', 'b'].map((name) => ({ name, kind, nics: 1, model: 'virtio' as const }))
  return buildBed(
    { switch: { kind: 'ringferry', policy: 'adaptive', isolation: true }, awake: false, vms },
    { progress: () => {}, signal: new AbortController().signal },
  )
}

let slot = 0

function siteOf(bed: Bed): WorkloadSite {
  return { bed, vm: bed.vm('a'), peer: bed.vm('b'), slot: slot++, seed: 7 }
}

const MEASURE_S = 1.5

/** Prepares, runs one short window and closes. */
async function once<S>(bed: Bed, workload: Workload<S>, settings: object = {}): Promise<WorkloadResult> {
  const prepared = await workload.prepare(siteOf(bed), workload.settings.parse(settings))
  try {
    return await prepared.run({ warmUpS: 0.5, measureS: MEASURE_S, signal: new AbortController().signal })
  } finally {
    await prepared.close()
  }
}

const leftovers = (): string[] =>
  readdirSync('/tmp').filter((name) => name.startsWith(`rf-lab-${process.pid}-`))

describe.runIf(able('tap'))('application workloads between two netns VMs', () => {
  let bed: Bed
  beforeAll(async () => {
    bed = await build('netns')
  })
  afterAll(() => bed?.stop())

  it.runIf(WEB)('web measures nginx in the VM by wrk in the peer', async () => {
    const { metrics, series, ran } = await once(bed, webWorkload, { fileKb: 4 })
    expect(metrics.requestsPerS).toBeGreaterThan(10)
    expect(metrics.errors).toBe(0)
    // Bytes on the wire are the files and their headers.
    const bytes = ((metrics.mbps ?? 0) * 1e6) / 8 / (metrics.requestsPerS ?? 1)
    expect(bytes).toBeGreaterThan(4096)
    expect(bytes).toBeLessThan(4096 + 500)
    expect(metrics.p999Us).toBeGreaterThanOrEqual(metrics.p50Us ?? Number.NaN)
    expect(series?.percentiles?.length).toBeGreaterThan(5)
    expect(ran?.server).toMatch(/nginx\/\d/)
    expect(ran?.client).toMatch(/wrk .*\d/)
    expect(leftovers()).toEqual([])
  })

  it.runIf(WEB)('web opens a connection for each request when keepAlive is false', async () => {
    const opened = async (): Promise<number> => {
      const { stdout } = await bed.vm('a').guest.run('cat /proc/net/snmp')
      // Tcp: PassiveOpens is the sixth number.
      return Number(/^Tcp: \d.*$/m.exec(stdout)?.[0].split(' ')[6])
    }
    const before = await opened()
    const { ran } = await once(bed, webWorkload, { fileKb: 1, keepAlive: false, connections: 4 })
    expect((await opened()) - before).toBeGreaterThanOrEqual(ran?.requests as number)
  })

  it('streaming delivers the media at its rate and plays on', async () => {
    const [segmentS, bufferS] = [0.1, 0.3]
    const { metrics, ran } = await once(bed, streamingWorkload, {
      ...{ flows: 3, mbpsPerFlow: 2, segmentS, bufferS },
    })
    expect(ran?.segmentBytes).toBe(25_000)
    // Paced: at most the rate of all flows, with one segment of each on either edge, and a buffer of each that was empty.
    expect(metrics.mbps).toBeGreaterThan(0)
    expect(metrics.mbps).toBeLessThanOrEqual((6 * (MEASURE_S + 2 * segmentS + bufferS)) / MEASURE_S)
    expect(metrics.jitterUs).toBeGreaterThan(0)
    expect(metrics.stalledRatio).toBeGreaterThanOrEqual(0)
    expect(metrics.stalledRatio).toBeLessThanOrEqual(1)
    expect(metrics.errors).toBe(0)
    expect(leftovers()).toEqual([])
  })

  it('streaming stalls when the line is slower than the media', async () => {
    const name = bed.vm('a').interfaces[0]
    const shaped = await bed
      .vm('a')
      .guest.run(`tc qdisc add dev ${name} root tbf rate 2mbit burst 16kb latency 200ms`)
    if (shaped.code !== 0) {
      console.log(`skipped: tc cannot shape here: ${shaped.stderr.trim()}`)
      return
    }
    try {
      const { metrics } = await once(bed, streamingWorkload, { flows: 2, mbpsPerFlow: 4, segmentS: 0.25 })
      expect(metrics.stalledRatio).toBeGreaterThan(0.3)
      expect(metrics.mbps).toBeLessThan(4)
    } finally {
      await bed.vm('a').guest.run(`tc qdisc del dev ${name} root`)
    }
  })

  it('file reads and writes the blocks it asked for', async () => {
    const { metrics, ran } = await once(bed, fileWorkload, { fileMb: 4, blockKb: 16, readShare: 0.5 })
    expect(metrics.errors).toBe(0)
    expect(ran?.reads).toBeGreaterThan(0)
    expect(ran?.writes).toBeGreaterThan(0)
    expect((metrics.readMbps ?? 0) + (metrics.writeMbps ?? 0)).toBeCloseTo(metrics.mbps ?? Number.NaN)
    expect(leftovers()).toEqual([])
  })

  it('migration sends the image and what got dirty, then stops the VM', async () => {
    const { metrics, ran } = await once(bed, migrationWorkload, { memoryMb: 4, dirtyMbps: 20 })
    expect(ran?.migrations).toBeGreaterThan(0)
    expect(metrics.migrationS).toBeGreaterThan(0)
    expect(metrics.downtimeMs).toBeGreaterThan(0)
    expect(metrics.downtimeMs).toBeLessThan((metrics.migrationS ?? 0) * 1000)
    const sent = await bed
      .vm('b')
      .guest.run(`cat /sys/class/net/${bed.vm('b').interfaces[0]}/statistics/rx_bytes`)
    expect(Number(sent.stdout)).toBeGreaterThan(4 << 20)
    expect(leftovers()).toEqual([])
  })

  it('migration carries its first to the end when the window is too short, and says so', async () => {
    const vm = bed.vm('a')
    const shape = `tc qdisc add dev ${vm.interfaces[0]} root tbf rate 20mbit burst 64kb latency 100ms`
    if ((await vm.guest.run(shape)).code !== 0) {
      console.log('skipped: tc cannot shape here')
      return
    }
    try {
      const { ran, metrics } = await once(bed, migrationWorkload, { memoryMb: 8, dirtyMbps: 0 })
      expect(ran).toMatchObject({ migrations: 1, rounds: 1, plan: { rounds: 1 } })
      expect(ran?.overrunS).toBeGreaterThan(0.5)
      expect(metrics.mbps).toBeLessThan(22)
    } finally {
      await vm.guest.run(`tc qdisc del dev ${vm.interfaces[0]} root`)
    }
  })

  const all: Workload[] = [streamingWorkload, fileWorkload, migrationWorkload, webWorkload]
  for (const workload of all.filter(({ name }) => WEB || name !== 'web'))
    it(`${workload.name} rejects with INTERRUPTED when the window is called off`, async () => {
      const prepared = await workload.prepare(siteOf(bed), workload.settings.parse({}))
      const abort = new AbortController()
      const run = prepared.run({ warmUpS: 1, measureS: 60, signal: abort.signal })
      setTimeout(() => abort.abort(), 500)
      try {
        await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' })
      } finally {
        await prepared.close()
      }
      expect(leftovers()).toEqual([])
    })

  it('file names VM, command and last line when its server dies in the window', async () => {
    const site = siteOf(bed)
    const prepared = await fileWorkload.prepare(site, fileWorkload.settings.parse({ fileMb: 1 }))
    const run = prepared.run({ warmUpS: 0, measureS: 60, signal: new AbortController().signal })
    const kill = `for f in /proc/[0-9]*/cmdline; do p=\${f%/cmdline}; tr '\\0' ' ' <$f 2>/dev/null | grep -q "^[^ ]*node .*rf-lab-${process.pid}-a-${site.slot}-file-server" && kill -KILL \${p#/proc/}; done; true`
    setTimeout(() => void site.vm.guest.run(kill), 500)
    try {
      await expect(run).rejects.toThrow(
        /VM a: ".*file-server.*" failed with exit code 137: it printed nothing/,
      )
    } finally {
      await prepared.close()
    }
    expect(leftovers()).toEqual([])
  })
})

describe.runIf(able('uml') && WEB)('application workloads between two uml VMs', () => {
  let bed: Bed
  beforeAll(async () => {
    bed = await build('uml')
  })
  afterAll(() => bed?.stop())

  it('web measures nginx in the VM by wrk in the peer', async () => {
    const { metrics } = await once(bed, webWorkload)
    expect(metrics.requestsPerS).toBeGreaterThan(1)
    expect(metrics.p50Us).toBeGreaterThan(0)
  })

  it('all run in one window, with Node from the host', async () => {
    const results = await Promise.all([
      once(bed, streamingWorkload, { flows: 2, mbpsPerFlow: 1, segmentS: 0.2 }),
      once(bed, fileWorkload, { fileMb: 4, concurrency: 2 }),
      once(bed, migrationWorkload, { memoryMb: 2 }),
    ])
    const [streaming, file, migration] = results.map(({ metrics }) => metrics)
    expect(streaming?.mbps).toBeGreaterThan(0)
    expect(file?.requestsPerS).toBeGreaterThan(0)
    expect(file?.errors).toBe(0)
    expect(migration?.migrationS).toBeGreaterThan((migration?.downtimeMs ?? Number.NaN) / 1000)
  })
})
