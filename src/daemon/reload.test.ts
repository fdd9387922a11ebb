import { describe, expect, it } from 'vitest'
import type { SwitchConfig } from '../config/config.js'
import { RingferryError } from '../errors/errors.js'
import type { PortChange } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { type ReloadableSwitch, reload } from './reload.js'

const vif = (name: string, more: Partial<PortConfig> = {}): PortConfig =>
  ({ kind: 'vif', name, socket: `/run/${name}`, ...more }) as PortConfig

const config = (ports: readonly PortConfig[], engine: SwitchConfig['engine'] = {}): SwitchConfig => ({
  engine,
  ports,
})

/** A switch that writes down what is asked of it, and refuses sockets below /refused. */
function fakeSwitch(): { calls: string[]; running: ReloadableSwitch } {
  const calls: string[] = []
  const words = (change: PortChange): string =>
    `${change.change} ${change.change === 'remove' ? change.name : change.config.name}`
  const running = {
    async apply(changes: readonly PortChange[]) {
      for (const change of changes)
        if ('config' in change && 'socket' in change.config && change.config.socket.startsWith('/refused'))
          throw new RingferryError('BUSY', `${change.config.socket}: taken`)
      calls.push(changes.map(words).join(', '))
    },
    async tune(change: object) {
      calls.push(`tune ${JSON.stringify(change)}`)
    },
  } as unknown as ReloadableSwitch
  return { calls, running }
}

const socketOf = (name: string, socket: string) => vif(name, { socket } as Partial<PortConfig>)

describe('reload', () => {
  it('reload asks nothing when settings are the same, in whatever order', async () => {
    const { calls, running } = fakeSwitch()
    const before = config([vif('a', { vlan: 3 }), vif('b')])
    const { changes } = await reload(running, before, config([vif('b'), vif('a', { vlan: 3 })]))
    expect({ calls, changes }).toEqual({ calls: [], changes: [] })
  })

  it('reload adds, removes and replaces ports in one list when their sockets differ', async () => {
    const { calls, running } = fakeSwitch()
    const after = config([socketOf('a', '/run/b'), socketOf('b', '/run/a'), vif('d')])
    const { changes, config: now } = await reload(running, config([vif('a'), vif('b'), vif('c')]), after)
    expect(calls).toEqual(['remove c, remove a, add a, remove b, add b, add d'])
    expect(changes).toEqual([
      { subject: 'c', change: 'removed', detail: '' },
      { subject: 'a', change: 'replaced', detail: 'socket' },
      { subject: 'b', change: 'replaced', detail: 'socket' },
      { subject: 'd', change: 'added', detail: '' },
    ])
    expect(now).toEqual(after)
  })

  it.each<[string, Partial<PortConfig>]>([
    ['VLANs', { trunk: [3, 4] }],
    ['guard and limits', { macs: ['02:00:00:00:00:01'], fromVm: { averageKiB: 5 }, stormFps: 9 }],
    ['target and weight', { targetUs: 100, weight: 2 }],
    ['publication and isolation', { publish: 'per-packet', isolated: true }],
  ])('reload changes a port in place when only %s differ, both ways', async (_, settings) => {
    const { calls, running } = fakeSwitch()
    const [plain, other] = [config([vif('a')]), config([vif('a', settings)])]
    const there = await reload(running, plain, other)
    const back = await reload(running, there.config, plain)
    expect(calls).toEqual(['set a', 'set a'])
    const expected = [{ subject: 'a', change: 'changed', detail: Object.keys(settings).join(', ') }]
    expect([there.changes, back.changes]).toEqual([expected, expected])
  })

  it.each<[string, Partial<PortConfig>]>([
    ['queues', { queues: 2 }],
    ['what its guest was told', { mtu: 9000 }],
    ['what its guest was told and a VLAN', { withhold: ['MRG_RXBUF'], vlan: 3 } as Partial<PortConfig>],
  ])('reload removes a vif and adds it when %s differ', async (_, settings) => {
    const { calls, running } = fakeSwitch()
    await reload(running, config([vif('a')]), config([vif('a', settings)]))
    expect(calls).toEqual(['remove a, add a'])
  })

  it('reload changes the MTU of a TAP in place', async () => {
    const { calls, running } = fakeSwitch()
    const tap = (mtu: number): PortConfig => ({ kind: 'tap', name: 't', device: 'rf0', mtu })
    await reload(running, config([tap(1500)]), config([tap(9000)]))
    expect(calls).toEqual(['set t'])
  })

  it('reload changes policy, budget and the share for keeping awake, and names what needs a restart, when the engine differs', async () => {
    const { calls, running } = fakeSwitch()
    const { changes, config: now } = await reload(
      running,
      config([], { spinUs: 5, budget: 0.5, awake: 0.3 }),
      config([], { spinUs: 9, policy: { name: 'adaptive' } }),
    )
    expect(calls).toEqual(['tune {"policy":{"name":"adaptive"},"budget":0.8,"awake":0}'])
    expect(changes).toContainEqual({ subject: 'engine', change: 'needs-restart', detail: 'spinUs' })
    expect(now.engine).toEqual({ spinUs: 5, policy: { name: 'adaptive' } })
  })

  it('reload names the control socket when it differs', async () => {
    const { running } = fakeSwitch()
    const { changes } = await reload(running, config([]), { ...config([]), control: { socket: '/run/c' } })
    expect(changes).toEqual([{ subject: 'control', change: 'needs-restart', detail: '' }])
  })

  it('reload changes nothing, the engine neither, and says why when one port is refused', async () => {
    const { calls, running } = fakeSwitch()
    const after = config([socketOf('a', '/refused/a'), vif('b')], { budget: 0.1 })
    await expect(reload(running, config([vif('a')]), after)).rejects.toThrow('/refused/a: taken')
    expect(calls).toEqual([])
  })
})
