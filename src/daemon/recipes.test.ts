import { describe, expect, it } from 'vitest'
import { makeRecipe } from './recipes.js'
import { shellQuote } from './shell-word.js'

const vif = { kind: 'vif', name: 'g1', socket: '/run/g1.sock' } as const
const tap = { kind: 'tap', name: 'host', device: 'rf0' } as const

describe('makeRecipe', () => {
  it('makeRecipe gives linux.uml the socket with the transport of its device', () => {
    expect(makeRecipe('uml', vif, true).commands).toEqual([
      'linux.uml mem=512M rootfstype=hostfs rootflags=/ init=SCRIPT virtio_uml.device=/run/g1.sock:1 ' +
        'con=null con0=fd:0,fd:1 quiet',
    ])
  })

  it('makeRecipe gives QEMU shared memory and, without KVM, vectors=0', () => {
    const [slow] = makeRecipe('qemu', { ...vif, mac: '02:00:00:00:00:01' }, false).commands
    expect(slow).toContain('memory-backend-memfd,id=m0,size=512M,share=on')
    expect(slow).toContain('-chardev socket,id=c0,path=/run/g1.sock,reconnect=1')
    expect(slow).toContain('virtio-net-pci,netdev=n0,mac=02:00:00:00:00:01,vectors=0')
    expect(makeRecipe('qemu', vif, true).commands[0]).not.toContain('vectors=0')
  })

  it('makeRecipe lets QEMU and cloud-hypervisor listen when the port is a client', () => {
    const client = { ...vif, mode: 'client', queues: 2 } as const
    expect(makeRecipe('qemu', client, true).commands[0]).toMatch(
      /path=\/run\/g1\.sock,server=on,wait=off .*queues=2/,
    )
    expect(makeRecipe('cloud-hypervisor', client, true).commands[0]).toContain(
      '--net vhost_user=true,socket=/run/g1.sock,vhost_mode=server,num_queues=4,queue_size=256',
    )
  })

  it('makeRecipe gives QEMU the other role on a stream', () => {
    const stream = { kind: 'stream', name: 's', socket: '/run/s.sock' } as const
    expect(makeRecipe('qemu', stream, true).commands[0]).toContain(
      '-netdev stream,id=n0,server=off,addr.type=unix,addr.path=/run/s.sock',
    )
    expect(makeRecipe('qemu', { ...stream, mode: 'client' }, true).commands[0]).toContain('server=on')
  })

  it('makeRecipe moves a TAP into a namespace', () => {
    expect(makeRecipe('netns', tap, true).commands.slice(0, 2)).toEqual([
      'ip netns add host',
      'ip link set rf0 netns host',
    ])
  })

  it('makeRecipe says what would fit when guest and port do not', () => {
    expect(() => makeRecipe('netns', vif, true)).toThrow(
      'port g1: netns attaches to a tap, and this is a vif',
    )
    expect(() => makeRecipe('uml', { ...vif, mode: 'client' }, true)).toThrow('this is a vif in client mode')
    expect(() => makeRecipe('cloud-hypervisor', tap, true)).toThrow('attaches to a vif')
    expect(() => makeRecipe('firecracker', tap, true)).toThrow('attaches to a packet port on a TAP')
    expect(() => makeRecipe('passt', { kind: 'stream', name: 's', socket: '/s' }, true)).toThrow(
      'passt attaches to a stream in client mode, and this is a stream',
    )
  })
})

describe('shellQuote', () => {
  it('shellQuote quotes a word only when a shell would change it', () => {
    expect(shellQuote('/run/g1.sock')).toBe('/run/g1.sock')
    expect(shellQuote("it's $HOME")).toBe("'it'\\''s $HOME'")
    expect(shellQuote('')).toBe("''")
  })
})
