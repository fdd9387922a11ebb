import { describe, expect, it } from 'vitest'
import type { SwitchConfig } from '../config/config.js'
import { RingferryError } from '../errors/errors.js'
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
  const running = {
    async addPort(port: PortConfig) {
      if ('socket' in port && port.socket.startsWith('/refused'))
        throw new RingferryError('BUSY', `${port.socket}: taken`)
      calls.push(`add ${port.name}`)
    },
    async removePort(name: string) {
      calls.push(`remove ${name}`)
    },
    async tune(change: object) {
      calls.push(`tune ${JSON.stringify(change)}`)
    },
  } as unknown as ReloadableSwitch
  return { calls, running }
}

describe('reload', () => {
  it('reload leaves ports alone when their settings are the same, in whatever order', async () => {
    const { calls, running } = fakeSwitch()
    const before = config([vif('a', { vlan: 3 }), vif('b')])
    const { changes } = await reload(running, before, config([vif('b'), vif('a', { vlan: 3 })]))
    expect({ calls, changes }).toEqual({ calls: [], changes: [] })
  })

  it('reload adds, removes and replaces ports, all removals first, when their settings differ', async () => {
    const { calls, running } = fakeSwitch()
    const swap = (name: string, socket: string) => vif(name, { socket } as Partial<PortConfig>)
    const after = config([swap('a', '/run/b'), swap('b', '/run/a'), vif('d')])
    const { changes, config: now } = await reload(running, config([vif('a'), vif('b'), vif('c')]), after)
    expect(calls).toEqual(['remove c', 'remove a', 'remove b', 'add a', 'add b', 'add d'])
    expect(changes).toEqual([
      { subject: 'c', change: 'removed', detail: '' },
      { subject: 'a', change: 'replaced', detail: 'socket' },
      { subject: 'b', change: 'replaced', detail: 'socket' },
      { subject: 'd', change: 'added', detail: '' },
    ])
    expect(now).toEqual(after)
  })

  it('reload changes target and weight in place when nothing else of a vif differs', async () => {
    const { calls, running } = fakeSwitch()
    await reload(running, config([vif('a', { targetUs: 100 })]), config([vif('a', { weight: 2 })]))
    expect(calls).toEqual(['tune {"vif":"a","targetUs":500,"weight":2}'])
  })

  it('reload changes policy and budget, and names what needs a restart, when the engine differs', async () => {
    const { calls, running } = fakeSwitch()
    const { changes, config: now } = await reload(
      running,
      config([], { spinUs: 5, budget: 0.5 }),
      config([], { spinUs: 9, policy: { name: 'adaptive' } }),
    )
    expect(calls).toEqual(['tune {"budget":0.8,"policy":{"name":"adaptive"}}'])
    expect(changes).toContainEqual({ subject: 'engine', change: 'needs-restart', detail: 'spinUs' })
    expect(now.engine).toEqual({ spinUs: 5, policy: { name: 'adaptive' } })
  })

  it('reload names the control socket when it differs', async () => {
    const { running } = fakeSwitch()
    const { changes } = await reload(running, config([]), { ...config([]), control: { socket: '/run/c' } })
    expect(changes).toEqual([{ subject: 'control', change: 'needs-restart', detail: '' }])
  })

  it('reload puts a port back as it was, and goes on, when its new settings fail', async () => {
    const { calls, running } = fakeSwitch()
    const refused = vif('a', { socket: '/refused/a' } as Partial<PortConfig>)
    const { changes, config: now } = await reload(
      running,
      config([vif('a')]),
      config([refused, vif('b'), vif('c', { socket: '/refused/c' } as Partial<PortConfig>)]),
    )
    expect(calls).toEqual(['remove a', 'add a', 'add b'])
    expect(changes.filter(({ change }) => change === 'failed')).toEqual([
      { subject: 'a', change: 'failed', detail: '/refused/a: taken' },
      { subject: 'c', change: 'failed', detail: '/refused/c: taken' },
    ])
    expect(now.ports).toEqual([vif('a'), vif('b')])
  })
})
