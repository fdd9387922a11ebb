import { describe, expect, it } from 'vitest'
import { bootGuest, type GuestSpec, type NicSpec } from './guest.js'
import { configureCommands, macOf } from './nic.js'
import { qemuArguments, qemuInitScript } from './qemu-command.js'
import { umlArguments, umlInitScript, umlInterfaces } from './uml-command.js'

const vhost: NicSpec = { transport: { type: 'vhost-user', path: '/run/a.sock' } }
const tap: NicSpec = { transport: { type: 'tap', ifname: 'tap0' }, mac: '52:54:00:AA:00:01' }
const tuntap: NicSpec = { transport: { type: 'tuntap', ifname: 'tap1' }, mac: '52:54:00:aa:00:02' }
const umlPaths = { workFolder: '/w', initScript: '/w/init' }
const qemuPaths = { kernel: '/k', initramfs: '/i', consoleLog: '/c', kvm: false }

const qemu = (nic: NicSpec, kvm = false) => {
  const args = qemuArguments(
    { name: 'g', kind: 'qemu', nics: [{ mac: '52:54:00:00:00:09', ...nic }] },
    { ...qemuPaths, kvm },
  )
  const all = (flag: string) => args.filter((_, index) => args[index - 1] === flag)
  return { netdev: all('-netdev')[0], chardev: all('-chardev')[1], device: all('-device')[2] }
}

describe('umlArguments', () => {
  it('umlArguments names each NIC by its driver', () => {
    const spec: GuestSpec = { name: 'g', kind: 'uml', memoryMb: 64, nics: [vhost, tap, tuntap] }
    const args = umlArguments(spec, umlPaths)
    expect(args).toEqual(
      expect.arrayContaining([
        'mem=64M',
        'init=/w/init',
        'umid=g',
        'virtio_uml.device=/run/a.sock:1',
        'vec1:transport=tap,ifname=tap0,depth=128,gro=1,mac=52:54:00:aa:00:01',
        'eth2=tuntap,tap1,52:54:00:aa:00:02',
      ]),
    )
  })

  it('umlArguments refuses what User-Mode Linux does not have', () => {
    const args = (nic: NicSpec) => () => umlArguments({ name: 'g', kind: 'uml', nics: [nic] }, umlPaths)
    expect(args({ transport: { type: 'stream', path: '/s' } })).toThrow(/guest g: .* no stream NIC/)
    expect(args({ transport: { type: 'vhost-user', path: '/s', server: true } })).toThrow(/vhost-user NIC/)
    expect(args({ ...vhost, model: 'e1000' })).toThrow(/e1000/)
  })

  it('umlInterfaces gives virtio NICs the lowest free names', () => {
    const nics = [tuntap, vhost, tap, vhost]
    expect(umlInterfaces({ name: 'g', kind: 'uml', nics })).toEqual(['eth0', 'eth1', 'vec2', 'eth2'])
  })

  it.each([
    { keptFolder: '/tmp/clone', mounts: 1 },
    { keptFolder: '/srv/clone', mounts: 0 },
  ])('umlInitScript mounts $keptFolder again only when /tmp hides it', ({ keptFolder, mounts }) => {
    const script = umlInitScript({ name: 'g', workFolder: '/w', fetchedLibraries: [], keptFolder })
    const [before = '', ...after] = script.split(`hostfs none '${keptFolder}' -o '${keptFolder}'`)
    expect(after).toHaveLength(mounts)
    if (mounts > 0) expect(before).toContain('tmpfs /tmp')
  })

  it('umlInitScript mounts fetched packages before /tmp is hidden, with their libraries', () => {
    const script = umlInitScript({
      name: 'g',
      workFolder: "/tmp/it's",
      fetchedRoot: '/tmp/cache',
      fetchedLibraries: ['usr/lib/x86_64-linux-gnu'],
    })
    const at = (text: string) => {
      expect(script).toContain(text)
      return script.indexOf(text)
    }
    expect(at(`-o '/tmp/it'\\''s'`)).toBeLessThan(at('tmpfs /tmp'))
    expect(at(`/run/fetched -o '/tmp/cache'`)).toBeLessThan(at('tmpfs /tmp'))
    at('LD_LIBRARY_PATH=/run/fetched/usr/lib/x86_64-linux-gnu')
  })
})

describe('qemuArguments', () => {
  it('qemuArguments connects a vhost-user NIC without MSI-X when there is no KVM', () => {
    expect(qemu({ transport: { type: 'vhost-user', path: '/s', reconnectS: 1 } })).toEqual({
      chardev: 'socket,id=c0,path=/s,reconnect=1',
      netdev: 'vhost-user,id=n0,chardev=c0',
      device: 'virtio-net-pci,netdev=n0,mac=52:54:00:00:00:09,vectors=0',
    })
  })

  it('qemuArguments lets QEMU listen when the switch connects', () => {
    const { chardev } = qemu({ transport: { type: 'vhost-user', path: '/s', server: true } })
    expect(chardev).toBe('socket,id=c0,path=/s,server=on,wait=off')
  })

  it('qemuArguments passes queues and properties on', () => {
    const { netdev, device } = qemu({ ...vhost, queues: 2, virtio: { csum: 'off', mrg_rxbuf: 'off' } }, true)
    expect(netdev).toBe('vhost-user,id=n0,chardev=c0,queues=2')
    expect(device).toBe(
      'virtio-net-pci,netdev=n0,mac=52:54:00:00:00:09,vectors=6,mq=on,csum=off,mrg_rxbuf=off',
    )
  })

  it('qemuArguments has e1000 over a stream socket', () => {
    const { netdev, device } = qemu({ transport: { type: 'stream', path: '/s' }, model: 'e1000' })
    expect(netdev).toBe('stream,id=n0,server=off,addr.type=unix,addr.path=/s')
    expect(device).toBe('e1000,netdev=n0,mac=52:54:00:00:00:09')
  })

  it('qemuArguments has a NIC on datagram sockets', () => {
    const { netdev } = qemu({ transport: { type: 'dgram', path: '/s', own: '/g' } })
    expect(netdev).toBe('dgram,id=n0,local.type=unix,local.path=/g,remote.type=unix,remote.path=/s')
  })

  it('qemuArguments backs guest memory by a shared file of its size', () => {
    const args = qemuArguments({ name: 'g', kind: 'qemu', memoryMb: 6144 }, qemuPaths)
    expect(args).toContain('memory-backend-memfd,id=memory,size=6144M,share=on')
  })
})

describe('a disk with programs', () => {
  it('qemuArguments gives the guest the disk that QEMU was handed, read-only', () => {
    const args = qemuArguments({ name: 'g', kind: 'qemu' }, { ...qemuPaths, diskFd: 3 })
    expect(args).toContain('if=none,id=programs,file=/dev/fd/3,format=raw,readonly=on')
    expect(args).toContain('virtio-blk-pci,drive=programs,vectors=0')
    expect(qemuArguments({ name: 'g', kind: 'qemu' }, qemuPaths).join(' ')).not.toContain('virtio-blk')
  })

  it('qemuInitScript mounts the disk after its modules and before the agent', () => {
    const script = qemuInitScript('g', ['virtio_blk'], '/programs')
    const places = ['insmod', 'mount -t ext4 -o ro /dev/vda /programs', 'agent.sh'].map((text) =>
      script.indexOf(text),
    )
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places[0]).toBeGreaterThan(0)
    expect(qemuInitScript('g', [])).not.toContain('/dev/vda')
  })
})

describe('macOf', () => {
  it('macOf differs by guest and NIC, and is local and unicast', () => {
    const macs = ['a', 'b'].flatMap((name) =>
      [0, 1].map((index) => macOf({ name, kind: 'uml', nics: [vhost, vhost] }, index)),
    )
    expect(new Set(macs).size).toBe(4)
    for (const mac of macs) expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/)
  })
})

describe('configureCommands', () => {
  it('configureCommands sets the MTU and offloads before the NIC is up, addresses after', () => {
    const nic = { ...vhost, mtu: 9000, offloads: false, address: '10.0.0.1/24', address6: 'fd00::1/64' }
    const commands = configureCommands('eth0', nic, '52:54:00:00:00:01')
    const words = ['address 52:54', 'mtu 9000', 'ethtool -K', 'up', '10.0.0.1/24', 'fd00::1/64']
    expect(commands).toHaveLength(words.length)
    for (const [index, word] of words.entries()) expect(commands[index]).toContain(word)
  })
})

describe('bootGuest', () => {
  it.each<[Partial<GuestSpec>, RegExp]>([
    [{ name: 'a b' }, /^guest a b: the name must/],
    [{ memoryMb: 16 }, /memory 16 MB/],
    [{ nics: [{ ...vhost, mac: '01:00:00:00:00:01' }] }, /NIC 0: "01:.*no unicast MAC/],
    [{ nics: [vhost, { ...vhost, address: '10.0.0.1' }] }, /NIC 1: "10.0.0.1" is no address/],
    [{ nics: [{ ...vhost, mtu: 60 }] }, /MTU of 60/],
    [{ nics: [{ transport: { type: 'vhost-user', path: '/a,b' } }] }, /"\/a,b" cannot be used/],
    [{ nics: [{ transport: { type: 'tap', ifname: 'a-name-too-long-for-it' } }] }, /cannot be used/],
  ])('bootGuest refuses %j before anything is started', async (part, words) => {
    await expect(bootGuest({ name: 'g', kind: 'uml', ...part })).rejects.toThrow(words)
  })
})
