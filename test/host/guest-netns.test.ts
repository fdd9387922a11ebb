import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { findInstalled, findTool } from '../../src/lab/guest/tools.js'
import { exerciseGuest } from './guest-exercise.js'

const TAP = 'rft-netns0'
const able = process.getuid?.() === 0 && existsSync('/dev/net/tun') && findInstalled('ip') !== undefined
const peer = findTool('linux.uml') !== undefined
if (!able) console.log('skipped: a netns guest needs root, /dev/net/tun and the ip command')
else if (!peer) console.log('skipped in part: linux.uml is missing; apt-get install user-mode-linux')

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

describe.runIf(able)('a netns guest', () => {
  let guest: Guest
  beforeAll(async () => {
    ip('tuntap', 'add', 'dev', TAP, 'mode', 'tap')
    const nic = {
      transport: { type: 'tap', ifname: TAP },
      address: '10.98.1.1/24',
      address6: 'fd98::1/64',
    } as const
    guest = await bootGuest({ name: 'netns-host-test', kind: 'netns', nics: [{ ...nic, mtu: 1400 }] })
  })
  afterAll(async () => {
    await cleanUp()
    ip('link', 'del', 'dev', TAP)
  })

  exerciseGuest(() => guest)

  it('bootGuest configures the TAP inside and it is gone outside', async () => {
    const { stdout } = await guest.run(`ip -o addr show dev ${TAP}; cat /sys/class/net/${TAP}/mtu; hostname`)
    expect(stdout).toContain('inet 10.98.1.1/24')
    expect(stdout).toContain('inet6 fd98::1/64')
    expect(stdout).toMatch(/\n1400\nnetns-host-test\n$/)
    expect(() => ip('link', 'show', 'dev', TAP)).toThrow(/does not exist/)
  })

  it('bootGuest names the TAP when there is none', async () => {
    const nics = [{ transport: { type: 'tap', ifname: 'rft-none' } }] as const
    await expect(bootGuest({ name: 'netns-bad', kind: 'netns', nics })).rejects.toThrow(/rft-none/)
  })

  it('Guest.stop gives the TAP back and leaves no process', async () => {
    const server = guest.start('sleep 1234')
    const { pid } = guest
    await guest.stop()
    await expect(server.done).rejects.toThrow('was cut off')
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(ip('-o', 'link', 'show', 'dev', TAP)).toContain(TAP)
    expect(ip('-o', 'addr', 'show', 'dev', TAP)).not.toContain('10.98.1.1')
  })
})

describe.runIf(able && peer)('a netns guest and a uml guest', () => {
  afterAll(async () => {
    await cleanUp()
    ip('link', 'del', 'dev', TAP)
  })

  it('reach each other when uml holds the TAP that is moved into the namespace', async () => {
    ip('tuntap', 'add', 'dev', TAP, 'mode', 'tap')
    const outer = { transport: { type: 'tuntap', ifname: TAP }, address: '10.98.2.1/24' } as const
    const inner = { transport: { type: 'tap', ifname: TAP }, address: '10.98.2.2/24' } as const
    const uml = await bootGuest({ name: 'peer-uml', kind: 'uml', nics: [outer] })
    const netns = await bootGuest({ name: 'peer-netns', kind: 'netns', nics: [inner] })
    const there = await uml.run('busybox ping -c 3 -i 0.2 10.98.2.2')
    const back = await netns.run('busybox ping -c 3 -i 0.2 10.98.2.1')
    expect([there.stdout, back.stdout]).toEqual([
      expect.stringContaining('3 packets received'),
      expect.stringContaining('3 packets received'),
    ])
    expect(netns.cpuSeconds()).toBeGreaterThan(0)
  })
})
