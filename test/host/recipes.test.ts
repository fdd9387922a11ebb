/** Recipes of `ringferry attach`, run or checked as they are printed. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { RecipeKind } from '../../src/daemon/recipe.js'
import { libvirtInterface } from '../../src/daemon/recipe-libvirt.js'
import { makeRecipe } from '../../src/daemon/recipes.js'
import type { PortConfig } from '../../src/port/config.js'
import { able, Network, until } from './support/network.js'
import { AS_NOBODY } from './support/paste.js'

const SCHEMA = '/usr/share/libvirt/schemas/domain.rng'

/** A recipe as a script, with the words that its reader puts in. */
function script(kind: RecipeKind, port: PortConfig, words: Readonly<Record<string, string>> = {}): string {
  const { commands } = makeRecipe(kind, port, false)
  return commands.join('\n').replace(/\b[A-Z]{4,}\b/g, (word) => words[word] ?? word)
}

const sh = (text: string, cwd?: string): string =>
  execFileSync('bash', ['-ec', text], { encoding: 'utf8', cwd })

describe('recipes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rft-recipes-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  it.each([
    ['a server', {}],
    ['a client with queues and a MAC', { mode: 'client', queues: 4, mac: '02:00:00:00:00:01' } as const],
    ['odd letters in its path', { socket: "/run/a&b<'c'\".sock" }],
  ])('the recipe for libvirt is valid by its schema when the vif has %s', (_, more) => {
    const nic = libvirtInterface({ kind: 'vif', name: 'g1', socket: '/run/g1.sock', ...more })
    const domain = `<domain type='kvm'><name>g1</name><memory unit='MiB'>512</memory>
      <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
      <os><type arch='x86_64'>hvm</type></os><devices>${nic}</devices></domain>`
    const check = (xml: string): string =>
      execFileSync('xmllint', ['--noout', '--relaxng', SCHEMA, '-'], {
        input: xml,
        stdio: ['pipe', 'pipe', 'ignore'],
      }).toString()
    expect(() => check(domain)).not.toThrow()
    expect(() => check(domain.replace('model type=', 'model kind='))).toThrow()
  })

  it('the recipes for libvirt and Firecracker write their files as they are meant', () => {
    const vif = { kind: 'vif', name: 'g1', socket: "/run/it's.sock" } as const
    const echo = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !/^(virt|virsh|ip|firecracker)/.test(line))
        .join('\n')
    sh(echo(script('libvirt', vif)), folder)
    expect(readFileSync(join(folder, 'g1.xml'), 'utf8')).toBe(`${libvirtInterface(vif)}\n`)
    sh(echo(script('firecracker', { kind: 'packet', name: 'fc', device: 'fc0' })), folder)
    expect(JSON.parse(readFileSync(join(folder, 'fc.json'), 'utf8'))).toMatchObject({
      'network-interfaces': [{ iface_id: 'eth0', host_dev_name: 'fc0' }],
    })
  })

  describe.runIf(able('tap'))('with a switch', () => {
    it('the recipes for a namespace and a container attach as printed', async () => {
      const network = await Network.start()
      const tap = (name: string): PortConfig => ({ kind: 'tap', name, device: `rft-${name}` })
      await network.tap('space', 'rft-space')
      await network.tap('box', 'rft-box')
      ends.push(() => sh('ip netns del space || true'))
      const box = spawn('unshare', ['--net', 'sleep', '60'])
      ends.push(() => box.kill())
      await until(
        'the namespace',
        () => sh(`readlink /proc/${box.pid}/ns/net`) !== sh('readlink /proc/self/ns/net'),
      )
      // No container engine is here: the first command finds its process.
      const [inspect, ...rest] = script('container', tap('box'), { ADDRESS: '10.92.0.2/24' }).split('\n')
      expect(inspect).toMatch(/^pid=\$\(docker inspect /)
      sh([`pid=${box.pid}`, ...rest].join('\n'))
      const words = { ADDRESS: '10.92.0.1/24', COMMAND: 'busybox ping -c 2 10.92.0.2' }
      expect(sh(script('netns', tap('space'), words))).toMatch(/ 0% packet loss/)
      box.kill()
      await network.stop()
    })

    it('the recipe for Firecracker gives a port whoever opens the TAP', async () => {
      const port = { kind: 'packet', name: 'fc', device: 'rft-fc' } as const
      const [add, up] = script('firecracker', port, { USER: 'root' }).split('\n')
      ends.push(() => sh('ip link del rft-fc || true'))
      sh(`${add}\n${up}`)
      const network = await Network.start()
      await network.switch.addPort(port)
      await network.tap('host', 'rft-host')
      sh('ip addr add 10.93.0.1/24 dev rft-host; ip link set rft-host up')
      // In its place a switch of its own: it opens the TAP as Firecracker does, and has a host behind it.
      const guest = await Network.start()
      await guest.tap('wire', 'rft-fc')
      await guest.tap('eth', 'rft-eth')
      sh('ip netns add rft-fc; ip link set rft-eth netns rft-fc')
      ends.push(() => sh('ip netns del rft-fc || true'))
      sh('ip -n rft-fc addr add 10.93.0.2/24 dev rft-eth; ip -n rft-fc link set rft-eth up')
      await until('a ping', () => sh('busybox ping -c 1 -W 1 10.93.0.2 || true').includes(' 0% packet loss'))
      await guest.stop()
      await network.stop()
    })
  })

  it('the recipe for passt is what a stream port connects to', async () => {
    const network = await Network.start()
    const socket = network.socket('net')
    chmodSync(network.folder, 0o777)
    const command = script('passt', { kind: 'stream', name: 'net', socket, mode: 'client' })
    const passt = spawn('setpriv', [...AS_NOBODY, 'bash', '-c', `exec ${command}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    passt.stderr.on('data', (data: Buffer) => {
      said += data.toString()
    })
    ends.push(() => passt.kill())
    await network.stream('net', { mode: 'client' })
    await network.untilState('net', 'up').catch((error: Error) => {
      throw new Error(`${error.message}; passt said: ${said}`)
    })
    await network.switch.removePort('net')
    passt.kill()
    rmSync(socket, { force: true })
    await network.stop()
  })
})
