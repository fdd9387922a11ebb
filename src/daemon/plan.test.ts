import { describe, expect, it } from 'vitest'
import type { SwitchConfig } from '../config/config.js'
import type { PortConfig } from '../port/config.js'
import { makePlan, mergeChanges, type Plan } from './plan.js'

const vif = (name: string, more: Partial<PortConfig> = {}): PortConfig =>
  ({ kind: 'vif', name, socket: `/run/${name}`, ...more }) as PortConfig

const config = (ports: readonly PortConfig[], engine: SwitchConfig['engine'] = {}): SwitchConfig => ({
  engine,
  ports,
})

/** What a plan asks of the ports, in words. */
const asked = ({ ports }: Plan): string =>
  ports.map((each) => `${each.change} ${each.change === 'remove' ? each.name : each.config.name}`).join(', ')

/** What a plan says, without values. */
const said = ({ changes }: Plan): object[] =>
  changes.map(({ subject, change, detail }) => ({ subject, change, detail }))

const socketOf = (name: string, socket: string) => vif(name, { socket } as Partial<PortConfig>)

describe('makePlan', () => {
  it('makePlan asks nothing when settings are the same, in whatever order', () => {
    const before = config([vif('a', { vlan: 3 }), vif('b')])
    const plan = makePlan(before, config([vif('b'), vif('a', { vlan: 3 })]))
    expect(plan).toEqual({ changes: [], ports: [], tune: {} })
  })

  it('makePlan adds, removes and replaces ports in one list when their sockets differ', () => {
    const after = config([socketOf('a', '/run/b'), socketOf('b', '/run/a'), vif('d')])
    const plan = makePlan(config([vif('a'), vif('b'), vif('c')]), after)
    expect(asked(plan)).toBe('remove c, remove a, add a, remove b, add b, add d')
    expect(said(plan)).toEqual([
      { subject: 'c', change: 'removed', detail: '' },
      { subject: 'a', change: 'replaced', detail: 'socket' },
      { subject: 'b', change: 'replaced', detail: 'socket' },
      { subject: 'd', change: 'added', detail: '' },
    ])
  })

  it.each<[string, Partial<PortConfig>]>([
    ['VLANs', { trunk: [3, 4] }],
    ['guard and limits', { macs: ['02:00:00:00:00:01'], fromVm: { averageKiB: 5 }, stormFps: 9 }],
    ['target and weight', { targetUs: 100, weight: 2 }],
    ['publication and isolation', { publish: 'per-packet', isolated: true }],
  ])('makePlan changes a port in place when only %s differ, both ways', (_, settings) => {
    const [plain, other] = [config([vif('a')]), config([vif('a', settings)])]
    const [there, back] = [makePlan(plain, other), makePlan(other, plain)]
    expect([there, back].map(asked)).toEqual(['set a', 'set a'])
    const expected = [{ subject: 'a', change: 'changed', detail: Object.keys(settings).join(', ') }]
    expect([there, back].map(said)).toEqual([expected, expected])
  })

  it('makePlan tells of each setting what it was and what it is to be', () => {
    const [change] = makePlan(config([vif('a', { vlan: 3 })]), config([vif('a', { trunk: [4] })])).changes
    expect(change?.settings).toEqual([
      { setting: 'vlan', before: 3, after: null },
      { setting: 'trunk', before: null, after: [4] },
    ])
  })

  it.each<[string, Partial<PortConfig>]>([
    ['queues', { queues: 2 }],
    ['what its guest was told', { mtu: 9000 }],
    ['what its guest was told and a VLAN', { withhold: ['MRG_RXBUF'], vlan: 3 } as Partial<PortConfig>],
  ])('makePlan removes a vif and adds it when %s differ', (_, settings) => {
    expect(asked(makePlan(config([vif('a')]), config([vif('a', settings)])))).toBe('remove a, add a')
  })

  it('makePlan changes the MTU of a TAP in place', () => {
    const tap = (mtu: number): PortConfig => ({ kind: 'tap', name: 't', device: 'rf0', mtu })
    expect(asked(makePlan(config([tap(1500)]), config([tap(9000)])))).toBe('set t')
  })

  it('makePlan leaves ports alone that programs made', () => {
    const embedded: PortConfig = { kind: 'embedded', name: 'e', fd: 9 }
    expect(asked(makePlan(config([embedded, vif('a')]), config([])))).toBe('remove a')
  })

  it('makePlan changes policy, budget and the share for keeping awake, and names what needs a restart, when the engine differs', () => {
    const plan = makePlan(
      config([], { spinUs: 5, budget: 0.5, awake: 0.3, memoryBytes: 2 ** 26 }),
      config([], { spinUs: 9, policy: { name: 'adaptive' }, memoryBytes: 2 ** 27 }),
    )
    expect(plan.tune).toEqual({ policy: { name: 'adaptive' }, budget: 0.8, awake: 0 })
    expect(plan.changes).toContainEqual({
      about: 'engine',
      subject: 'engine',
      change: 'needs-restart',
      detail: 'spinUs, memoryMb',
      settings: [
        { setting: 'spinUs', before: 5, after: 9 },
        { setting: 'memoryMb', before: 64, after: 128 },
      ],
    })
  })

  it('makePlan sees no difference when a file says what is the default', () => {
    const engine: SwitchConfig['engine'] = { policy: { name: 'natural' }, budget: 0.8, awake: 0 }
    expect(makePlan(config([], engine), config([])).changes).toEqual([])
  })

  it('makePlan names the control socket when it differs', () => {
    const plan = makePlan(config([]), { ...config([]), control: { socket: '/run/c' } })
    expect(said(plan)).toEqual([{ subject: 'control', change: 'needs-restart', detail: '' }])
  })
})

describe('mergeChanges', () => {
  const read = config([vif('a'), vif('b'), vif('c')], { budget: 0.5 })

  it('mergeChanges keeps what was changed at run time when the file says what it said', () => {
    const running = config([vif('a', { vlan: 7 }), vif('c'), vif('new')], { budget: 0.2, awake: 0.1 })
    expect(mergeChanges(read, running, read)).toEqual(running)
  })

  it('mergeChanges takes what the file says anew, also where it was changed at run time', () => {
    const running = config([vif('a', { vlan: 7 }), vif('c'), vif('new')], { budget: 0.2 })
    const again = config([vif('a', { vlan: 9 }), vif('b', { vlan: 2 }), vif('d')], { budget: 0.6 })
    const merged = mergeChanges(read, running, again)
    expect(merged.engine).toEqual({ budget: 0.6 })
    expect([...merged.ports].sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
      vif('a', { vlan: 9 }),
      vif('b', { vlan: 2 }),
      vif('d'),
      vif('new'),
    ])
  })
})
