import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { bedSchema, type HostBed } from '../../src/lab/bed/bed.js'
import { buildBed } from '../../src/lab/bed/build.js'
import { bedTag } from '../../src/lab/bed/plan.js'
import { installedKernels, moduleFiles } from '../../src/lab/guest/kernel.js'
import { allProcesses } from '../../src/lab/guest/processes.js'
import { findInstalled, findTool } from '../../src/lab/guest/tools.js'

const able = process.getuid?.() === 0 && existsSync('/dev/net/tun') && findInstalled('ip') !== undefined
const uml = able && findTool('linux.uml') !== undefined && findTool('busybox') !== undefined
if (!able) console.log('skipped: a bed needs root, /dev/net/tun and the ip command')
else if (!uml) console.log('skipped in part: linux.uml or busybox is missing')
const has = (program: string): boolean => {
  if (findInstalled(program)) return true
  console.log(`skipped in part: ${program} is missing`)
  return false
}

const options = (signal = new AbortController().signal) => ({ progress: () => {}, signal })
const beds: HostBed[] = []
async function build(spec: unknown): Promise<HostBed> {
  const bed = await buildBed(bedSchema.parse(spec), options())
  beds.push(bed)
  return bed
}

/** Begins the tags of all beds of this process: their devices, guests and folders carry it. */
const TAG = bedTag(process.pid, 0).slice(0, -1)

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** What beds with tags like this have on the host now. */
function left(tag = TAG): string[] {
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).match(/rf[0-9a-z]{9,}/g) ?? []
  const processes = allProcesses().filter(({ state, pid }) => state !== 'Z' && pid !== process.pid)
  return [
    ...links.filter((name) => name.startsWith(`rf${tag}`)),
    ...processes.map(({ pid }) => commandLine(pid)).filter((line) => line.includes(tag)),
    ...readdirSync(tmpdir()).filter((name) => name.includes(tag)),
  ]
}

/** A shell that watches over a folder needs a moment to end. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => left(), { timeout: 60_000, interval: 100 }).toEqual([])
}

async function ping(bed: HostBed, from: string, to: string): Promise<void> {
  const { guest } = bed.vm(from)
  const { stdout, stderr } = await guest.run(`busybox ping -c 3 -i 0.3 -W 5 ${to}`)
  expect(`${stdout}${stderr}`).toMatch(/[123] packets received/)
}

/** b reads a large file of a over TCP. */
async function fetchFile(bed: HostBed): Promise<void> {
  const path = findInstalled('node') ?? process.execPath
  const [server, { guest }] = [bed.vm('a'), bed.vm('b')]
  const running = server.guest.start('busybox httpd -f -p 7000 -h /')
  const sizeBytes = statSync(path).size
  const url = `http://${server.addresses[0]}:7000${path}`
  const fetch = async () => (await guest.run(`busybox wget -q -O - ${url} | wc -c`)).stdout.trim()
  await expect.poll(fetch, { timeout: 60_000, interval: 200 }).toBe(String(sizeBytes))
  await running.stop()
}

afterEach(async () => {
  await Promise.all(beds.splice(0).map((bed) => bed.stop()))
})

const NETNS_PAIR = [
  { name: 'a', kind: 'netns' },
  { name: 'b', kind: 'netns' },
]
const UML_PAIR = [
  { name: 'a', kind: 'uml', memoryMb: 96 },
  { name: 'b', kind: 'uml', memoryMb: 96 },
]
const MIXED = [
  { name: 'a', kind: 'uml', memoryMb: 96 },
  { name: 'b', kind: 'netns' },
]

describe.runIf(able)('buildBed with ringferry', () => {
  it('gives two netns VMs two NICs each, counts by NIC and leaves nothing', async () => {
    const bed = await build({ vms: NETNS_PAIR.map((vm) => ({ ...vm, nics: 2 })) })
    expect(left()).not.toEqual([])
    expect(Object.keys(bed.sample().ports)).toEqual(['a', 'a.1', 'b', 'b.1'])
    const before = bed.sample()
    const second = bed.vm('b').addresses[1] as string
    const { stdout } = await bed.vm('a').guest.run(`busybox ping -c 5 -i 0.2 ${second}; ip neigh show`)
    // The neighbour of subnet 1 is the second NIC itself, not the first one on its behalf.
    expect(stdout).toMatch(
      new RegExp(`${second} dev ${bed.vm('a').interfaces[1]} lladdr ${bed.vm('b').macs[1]}`),
    )
    const after = bed.sample()
    const grown = (port: string) =>
      (after.ports[port]?.fromVmFrames ?? 0) - (before.ports[port]?.fromVmFrames ?? 0)
    expect(grown('a.1')).toBeGreaterThanOrEqual(5)
    expect(after.driverCpuS).toBeGreaterThan(before.driverCpuS)
    expect(after.guestCpuS.a).toBeGreaterThan(0)
    expect(after.busyS).toBeGreaterThanOrEqual(before.busyS)
    await bed.stop()
    await expectNothingLeft()
  })

  it('reaches the host itself, whose programs end with the bed', async () => {
    const bed = await build({
      vms: [
        { name: 'h', kind: 'host' },
        { name: 'b', kind: 'netns' },
      ],
    })
    await ping(bed, 'h', bed.vm('b').addresses[0] as string)
    await ping(bed, 'b', bed.vm('h').addresses[0] as string)
    const before = bed.vm('h').cpuSeconds()
    await bed.vm('h').guest.run('i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done')
    expect(bed.vm('h').cpuSeconds()).toBeGreaterThan(before)
    // A daemon that leaves its session and its parent is still of this VM.
    const daemon = `sleep 1234; : ${TAG}-daemon`
    await bed.vm('h').guest.run(`(setsid sh -c '${daemon}' </dev/null >/dev/null 2>&1 &)`)
    await expect
      .poll(() => left(), { timeout: 60_000 })
      .toContainEqual(expect.stringMatching(/^sh.-c.sleep 1234/))
    await bed.stop()
    await expectNothingLeft()
  })

  it('gives embedded VMs roles one after the other, with their processor time and counts', async () => {
    const vms = ['a', 'b'].map((name) => ({ name, kind: 'embedded' }))
    const bed = await build({ vms })
    expect(() => bed.vm('a').guest).toThrow(/embedded/)
    const [a, b] = [bed.vm('a'), bed.vm('b')]
    let seen = 0
    for (const round of [1, 2]) {
      const sink = await b.embed({ kind: 'sink' })
      const source = await a.embed({ kind: 'source', to: b.macs[0] as string, frameBytes: 600 })
      await expect(a.embed({ kind: 'sink' })).rejects.toThrow(/has a role/)
      await expect.poll(() => sink.counters().rxFrames, { timeout: 60_000 }).toBeGreaterThan(1000)
      await source.stop()
      await sink.stop()
      const { ports, guestCpuS, driverCpuS } = bed.sample()
      expect(ports.b?.toVmFrames, `round ${round}`).toBeGreaterThan(seen + 1000)
      expect(ports.b?.toVmBytes).toBeGreaterThanOrEqual((ports.b?.toVmFrames ?? 0) * 60)
      expect(guestCpuS.a).toBeGreaterThan(0)
      expect(guestCpuS.b).toBeGreaterThan(0)
      expect(driverCpuS).toBeGreaterThan(0)
      seen = ports.b?.toVmFrames ?? 0
    }
    await bed.stop()
    await expect(a.embed({ kind: 'sink' })).rejects.toThrow(/stopped/)
    await expectNothingLeft()
  })

  it('reshape changes policy and targets of a running switch, and refuses other VMs and isolation', async () => {
    const vms = ['a', 'b'].map((name) => ({ name, kind: 'embedded' }))
    const bed = await build({ switch: { policy: 'natural' }, vms })
    await bed.vm('a').embed({ kind: 'sink' })
    const wanted = { policy: 'fixed', holdUs: 70, maxFrames: 9, budget: 0.5 }
    const targeted = vms.map((vm) => ({ ...vm, targetUs: 900, weight: 2 }))
    const next = bedSchema.parse({ switch: wanted, vms: targeted })
    expect(await bed.reshape(next)).toBe(true)
    expect(bed.spec).toEqual(next)
    expect(bed.vm('a').spec.targetUs).toBe(900)
    const { switch: described } = (await bed.describe()) as {
      switch: { tuning: { policy: unknown; budget: number; vifs: Record<string, { targetUs: number }> } }
    }
    expect(described.tuning.policy).toEqual({ name: 'fixed', holdUs: 70, maxFrames: 9 })
    expect(described.tuning.budget).toBe(0.5)
    expect(described.tuning.vifs.a?.targetUs).toBe(900)
    expect(await bed.reshape(bedSchema.parse({ switch: { isolation: false }, vms }))).toBe(false)
    expect(await bed.reshape(bedSchema.parse({ vms: [vms[0]] }))).toBe(false)
    expect(bed.spec).toEqual(next)
  })

  it('undoes everything when it is aborted in the middle of the build', async () => {
    const abort = new AbortController()
    const kind = uml ? 'uml' : 'netns'
    const vms = ['a', 'b', 'c'].map((name) => ({ name, kind, ...(uml ? { memoryMb: 96 } : {}) }))
    const building = buildBed(bedSchema.parse({ vms }), options(abort.signal))
    // Not before something is there that must be undone.
    const seen = expect.poll(() => left().length, { timeout: 60_000, interval: 20 }).toBeGreaterThan(2)
    const outcome = expect(building).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await seen
    abort.abort()
    await outcome
    await expectNothingLeft()
  })
})

describe.runIf(uml)('buildBed with uml VMs on ringferry', () => {
  it('reaches them, says what they negotiated, and fails when one is killed', async () => {
    const bed = await build({ vms: [...UML_PAIR.slice(0, 1), { name: 'b', kind: 'netns' }] })
    await ping(bed, 'b', bed.vm('a').addresses[0] as string)
    const described = (await bed.describe()) as {
      switch: { version: string; ports: Record<string, { negotiated: string[] }> }
      vms: Record<string, { kernel: string }>
    }
    expect(described.switch.version).toMatch(/^\d+\./)
    expect(described.switch.ports.a?.negotiated.length).toBeGreaterThan(0)
    expect(described.vms.a?.kernel).toMatch(/^\d+\.\d+/)
    expect(bed.sample().guestCpuS.a).toBeGreaterThan(0)
    const failed = expect(bed.failed).rejects.toMatchObject({ code: 'GUEST' })
    await bed
      .vm('a')
      .guest.run('echo o >/proc/sysrq-trigger; sleep 30')
      .catch(() => {})
    await failed
    expect(bed.vm('a').alive).toBe(false)
    await bed.stop()
    await expectNothingLeft()
  })
})

describe.runIf(able)('buildBed with switches of other makes', () => {
  it('none: two netns VMs on a pair of devices', async () => {
    const bed = await build({ switch: { kind: 'none' }, vms: NETNS_PAIR })
    await ping(bed, 'a', bed.vm('b').addresses[0] as string)
    expect(bed.sample().driverCpuS).toBe(0)
    await bed.stop()
    await expectNothingLeft()
  })

  it.runIf(uml)('bridge: a uml VM on a TAP and a netns VM on a pair, counted by the kernel', async () => {
    const bed = await build({ switch: { kind: 'bridge' }, vms: MIXED })
    await ping(bed, 'b', bed.vm('a').addresses[0] as string)
    const { ports } = bed.sample()
    for (const port of ['a', 'b']) expect(ports[port]?.toVmFrames).toBeGreaterThan(0)
    expect((await bed.describe()).switch).toMatchObject({
      kind: 'bridge',
      version: expect.stringMatching(/^Linux/),
    })
    await bed.stop()
    await expectNothingLeft()
  })

  it.runIf(uml && has('vde_plug2tap'))('vde: a uml VM and a netns VM by vde_plug2tap', async () => {
    const bed = await build({ switch: { kind: 'vde' }, vms: MIXED })
    await ping(bed, 'b', bed.vm('a').addresses[0] as string)
    await fetchFile(bed)
    expect(bed.sample().driverCpuS).toBeGreaterThan(0)
    await bed.stop()
    await expectNothingLeft()
  })

  it.runIf(uml && has('ovs-vswitchd')).each([
    ['a uml VM and a netns VM', MIXED],
    ['two uml VMs', UML_PAIR],
  ])('ovs: %s, ping and TCP', async (_, vms) => {
    const bed = await build({ switch: { kind: 'ovs' }, vms })
    await ping(bed, 'b', bed.vm('a').addresses[0] as string)
    await fetchFile(bed)
    expect(bed.sample().driverCpuS).toBeGreaterThan(0)
    expect(bed.sample().ports.a?.fromVmFrames).toBeGreaterThan(0)
    await bed.stop()
    await expectNothingLeft()
  })

  it.runIf(uml && has('dpdk-testpmd'))('testpmd: two uml VMs through the relay', async () => {
    const bed = await build({ switch: { kind: 'testpmd' }, vms: UML_PAIR })
    await ping(bed, 'a', bed.vm('b').addresses[0] as string)
    // It polls, which is no noise: what it has used is known before a cell.
    const { driverCpuS } = bed.sample()
    expect(driverCpuS).toBeGreaterThan(0)
    expect(bed.idleCpuS()).toBeGreaterThanOrEqual(driverCpuS)
    const failed = expect(bed.failed).rejects.toMatchObject({ code: 'GUEST' })
    const testpmd = allProcesses().find(({ pid }) => commandLine(pid).includes(`--file-prefix=rf${TAG}`))
    process.kill(testpmd?.pid ?? 0, 'SIGKILL')
    await failed
    await bed.stop()
    await expectNothingLeft()
  })
})

const qemu = able && findTool('qemu-system-x86_64') !== undefined && installedKernels().length > 0
if (!qemu) console.log('skipped in part: qemu-system-x86_64 or a kernel in /boot is missing')

describe.runIf(qemu)('buildBed with qemu VMs', () => {
  const qemuVm = { name: 'a', kind: 'qemu', memoryMb: 128 }

  it('reaches a VM with virtio, and says which QEMU it was', async () => {
    const bed = await build({ vms: [qemuVm, { name: 'b', kind: 'netns' }] })
    await ping(bed, 'b', bed.vm('a').addresses[0] as string)
    const { vms } = (await bed.describe()) as { vms: Record<string, { qemu: string }> }
    expect(vms.a?.qemu).toMatch(/QEMU emulator version/)
    expect(bed.sample().guestCpuS.a).toBeGreaterThan(0)
    await bed.stop()
    await expectNothingLeft()
  })

  it('reaches a VM with e1000, or says which package has the driver', async () => {
    const spec = {
      vms: [
        { ...qemuVm, model: 'e1000' },
        { name: 'b', kind: 'netns' },
      ],
    }
    const hasDriver = installedKernels().some(({ modulesFolder }) => moduleFiles(modulesFolder).has('e1000'))
    if (hasDriver) {
      const bed = await build(spec)
      await ping(bed, 'b', bed.vm('a').addresses[0] as string)
      await bed.stop()
    } else {
      const wanted = { code: 'NOT_FOUND', message: expect.stringContaining('linux-image-amd64') }
      await expect(build(spec)).rejects.toMatchObject(wanted)
    }
    await expectNothingLeft()
  })
})

const BUILT = fileURLToPath(new URL('../../dist/lab/bed/build.js', import.meta.url))

describe.runIf(able && existsSync(BUILT))('a process with a bed', () => {
  it('leaves nothing when it is killed', async () => {
    const spec = { switch: { kind: 'bridge' }, vms: [{ name: 'h', kind: 'host' }, NETNS_PAIR[1]] }
    const program = `
      const { buildBed } = await import(${JSON.stringify(BUILT)})
      const { bedSchema } = await import(${JSON.stringify(BUILT.replace('build.js', 'bed.js'))})
      const signal = new AbortController().signal
      await buildBed(bedSchema.parse(${JSON.stringify(spec)}), { signal, progress: () => {} })
      console.log('built')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const tag = bedTag(child.pid ?? 0, 0).slice(0, -1)
    const [words] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    expect(String(words)).toBe('built\n')
    // A bridge, two ends of pairs in the host's namespace at least, one of them the host VM's own.
    expect(left(tag).length).toBeGreaterThan(4)
    child.kill('SIGKILL')
    await expect.poll(() => left(tag), { timeout: 60_000, interval: 200 }).toEqual([])
  })
})
