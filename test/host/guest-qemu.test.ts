import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { installedKernels } from '../../src/lab/guest/kernel.js'
import { QEMU_PROGRAM } from '../../src/lab/guest/qemu.js'
import { findTool } from '../../src/lab/guest/tools.js'
import { exerciseGuest } from './guest-exercise.js'

const found = findTool(QEMU_PROGRAM) !== undefined && installedKernels().length > 0
if (!found) console.log('skipped: apt-get install qemu-system-x86 linux-image-cloud-amd64 busybox-static')

describe.runIf(found)('a qemu guest', () => {
  let guest: Guest
  beforeAll(async () => {
    guest = await bootGuest({ name: 'qemu-host-test', kind: 'qemu', memoryMb: 4096 })
  })
  afterAll(cleanUp)

  exerciseGuest(() => guest)

  it('bootGuest gives the guest its tools, its memory and its name', async () => {
    const { stdout } = await guest.run(
      'hostname; iperf3 --version | head -1; ethtool --version; grep MemTotal /proc/meminfo',
    )
    expect(stdout).toMatch(/^qemu-host-test\niperf 3\.\d+.*\nethtool version .*\nMemTotal: +[34]\d{6} kB\n$/)
  })

  it('bootGuest quotes QEMU when it does not start', async () => {
    const spec = { name: 'qemu-bad', kind: 'qemu', extraArguments: ['-nonsense'] } as const
    await expect(bootGuest(spec)).rejects.toThrow(
      /guest qemu-bad: .* ended \(exit code 1\); its last words: .*nonsense/,
    )
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ringferry-qemu-bad-'))).toEqual([])
  })

  it('Guest.stop leaves no process and no folder', async () => {
    await guest.stop()
    expect(guest.alive).toBe(false)
    expect(existsSync(`/proc/${guest.pid}`)).toBe(false)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ringferry-qemu-host-test-'))).toEqual([])
  })
})

describe.runIf(found)('two qemu guests on one stream socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rft-qemu-'))
  afterAll(async () => {
    await cleanUp()
    rmSync(folder, { recursive: true, force: true })
  })

  it('reach each other with the MTU, the offloads and the virtio properties that were asked for', async () => {
    const boot = (index: number, server: boolean) => {
      const transport = { type: 'stream', path: join(folder, 's'), server } as const
      const nic = { transport, address: `10.98.4.${index}/24`, address6: `fd98:4::${index}/64`, mtu: 1400 }
      const virtio = { mrg_rxbuf: 'off' }
      return bootGuest({ name: `stream${index}`, kind: 'qemu', nics: [{ ...nic, offloads: false, virtio }] })
    }
    const server = await boot(1, true)
    const client = await boot(2, false)
    for (const address of ['10.98.4.1', 'fd98:4::1'])
      expect((await client.run(`ping -c 3 -i 0.2 ${address}`)).stdout).toContain('3 packets received')
    const { stdout } = await server.run(
      'cat /sys/class/net/eth0/mtu; ethtool -k eth0; cat /sys/bus/virtio/devices/*/features',
    )
    expect(stdout).toMatch(/^1400\n/)
    expect(stdout).toMatch(/^tcp-segmentation-offload: off/m)
    const features = stdout.split('\n').filter((line) => /^[01]{64}$/.test(line))
    // Bit 5 is VIRTIO_NET_F_MAC, bit 15 VIRTIO_NET_F_MRG_RXBUF.
    const net = features.find((bits) => bits[5] === '1')
    expect(net?.[15]).toBe('0')
    expect(server.interfaces).toEqual(['eth0'])
  })
})
