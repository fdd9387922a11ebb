import { beforeEach, describe, expect, it } from 'vitest'
import { backendOf, ToolstackModel } from '../../../test/support/xen-toolstack.js'

let xen: ToolstackModel

beforeEach(() => {
  xen = new ToolstackModel()
})

describe('XenBus and BackendDevice', () => {
  it('BackendDevice offers its features and waits when the toolstack makes a vif', () => {
    const slot = xen.add()
    xen.create(1)
    expect(xen.backendState(1)).toBe('2')
    for (const [key, value] of [
      ['feature-rx-copy', '1'],
      ['feature-sg', '1'],
      ['feature-gso-tcpv4', '1'],
      ['feature-gso-tcpv6', '1'],
      ['feature-ipv6-csum-offload', '1'],
      ['feature-split-event-channels', '1'],
      ['multi-queue-max-queues', '2'],
    ])
      expect(xen.model.get(`${backendOf(1)}/${key}`), key).toBe(value)
    expect(slot.found).toMatchObject({ domain: 1, handle: 0, guest: 'guest1', mac: '00:16:3e:00:00:01' })
    expect(slot.log).toEqual([])
  })

  it.each([
    ['script first', ['hotplug', 'connect']],
    ['frontend first', ['connect', 'hotplug']],
  ])('BackendDevice connects when script and frontend are ready: %s', (_, order) => {
    const slot = xen.add()
    xen.create(1)
    for (const step of order) {
      expect(xen.backendState(1)).toBe('2')
      if (step === 'hotplug') xen.hotplug(1)
      else xen.connect(1)
    }
    expect(slot.log).toEqual(['connect'])
    expect(xen.backendState(1)).toBe('4')
    expect(slot.frontend).toEqual({
      domain: 1,
      queues: [{ txRingRef: 8, rxRingRef: 9, txEventChannel: 3, rxEventChannel: 4 }],
      features: {
        sg: true,
        gsoTcpv4: true,
        gsoTcpv6: false,
        csumIpv4: true,
        csumIpv6: false,
        multicastControl: false,
      },
    })
  })

  it('BackendDevice reads the keys of each queue when the frontend has several', () => {
    const slot = xen.add()
    xen.create(1)
    xen.hotplug(1)
    const queue = (index: number) => ({
      [`queue-${index}/tx-ring-ref`]: 10 + index,
      [`queue-${index}/rx-ring-ref`]: 20 + index,
      [`queue-${index}/event-channel`]: 30 + index,
    })
    xen.connect(1, { 'multi-queue-num-queues': 2, ...queue(0), ...queue(1) })
    expect(slot.frontend?.queues).toEqual([
      { txRingRef: 10, rxRingRef: 20, txEventChannel: 30, rxEventChannel: 30 },
      { txRingRef: 11, rxRingRef: 21, txEventChannel: 31, rxEventChannel: 31 },
    ])
  })

  it.each([
    ['more queues than offered', { 'multi-queue-num-queues': 3 }, 'multi-queue-num-queues is 3'],
    ['no queue', { 'multi-queue-num-queues': 0 }, 'multi-queue-num-queues is 0'],
    ['a reference that is no number', { 'tx-ring-ref': '-1' }, 'tx-ring-ref is "-1", not a number'],
    ['a reference beyond 32 bits', { 'rx-ring-ref': '4294967296' }, 'rx-ring-ref is "4294967296"'],
    ['no copying', { 'request-rx-copy': 0 }, 'request-rx-copy is not 1'],
  ])('BackendDevice refuses a frontend and says why when it published %s', (_, keys, reason) => {
    const slot = xen.add()
    xen.create(1)
    xen.hotplug(1)
    xen.connect(1, keys)
    expect(slot.log).toHaveLength(1)
    expect(slot.log[0]).toContain(reason)
    expect(xen.backendState(1)).toBe('2')
  })

  it('BackendDevice says why once when rings cannot be mapped, and tries again when the frontend begins anew', () => {
    const slot = xen.add()
    slot.refusal = 'not granted'
    xen.create(1)
    xen.hotplug(1)
    xen.connect(1)
    xen.state(1, 4)
    expect(slot.log).toEqual(['trouble: not granted'])
    slot.refusal = undefined
    xen.state(1, 1)
    xen.connect(1)
    expect(slot.log).toEqual(['trouble: not granted', 'connect'])
  })

  it('BackendDevice gives the rings back when the frontend closes, and connects when it begins anew', () => {
    const slot = xen.running()
    xen.state(1, 5)
    expect(xen.backendState(1)).toBe('5')
    xen.state(1, 6)
    expect(xen.backendState(1)).toBe('6')
    expect(slot.log).toEqual(['connect', 'disconnect: the frontend closes'])
    xen.state(1, 1)
    expect(xen.backendState(1)).toBe('2')
    xen.connect(1)
    expect(xen.backendState(1)).toBe('4')
    expect(slot.log.at(-1)).toBe('connect')
  })

  it('BackendDevice ends the vif when the toolstack unplugs it and the frontend closes', () => {
    const slot = xen.running()
    xen.unplug(1)
    // The guest is asked first.
    expect(slot.frontend).toBeDefined()
    xen.state(1, 5)
    xen.state(1, 6)
    expect(xen.backendState(1)).toBe('6')
    expect(slot.log).toEqual(['connect', 'disconnect: the frontend closes', 'gone'])
    xen.remove(backendOf(1))
    xen.settle()
    expect(xen.model.watches).toBe(1)
  })

  it('BackendDevice ends the vif when a guest is destroyed', () => {
    const slot = xen.running()
    xen.remove('/local/domain/1')
    xen.settle()
    expect(slot.log).toEqual(['connect', 'disconnect: the guest is gone'])
    expect(xen.backendState(1)).toBe('6')
    xen.remove(backendOf(1))
    xen.settle()
    expect(slot.log.at(-1)).toBe('gone')
    expect(xen.model.get(`${backendOf(1)}/state`)).toBeUndefined()
  })

  it('XenBus gives the port to the next domain when a guest reboots', () => {
    const slot = xen.running(1)
    xen.unplug(1)
    xen.state(1, 6)
    xen.remove(backendOf(1))
    xen.create(2)
    xen.hotplug(2)
    xen.connect(2)
    expect(slot.log).toEqual(['connect', 'disconnect: the frontend has closed', 'gone', 'connect'])
    expect(slot.frontend?.domain).toBe(2)
  })

  it('BackendDevice goes on with the rings when both ends are connected already', () => {
    xen.create(1)
    xen.hotplug(1)
    xen.set({ [`${backendOf(1)}/state`]: 4 })
    xen.connect(1)
    const slot = xen.add()
    expect(slot.log).toEqual(['connect'])
    expect(xen.backendState(1)).toBe('4')
  })

  it('XenBus leaves a vif connected when its port goes, and follows it no longer', () => {
    const slot = xen.running()
    xen.bus.remove(slot)
    xen.settle()
    expect(xen.backendState(1)).toBe('4')
    expect(xen.model.watches).toBe(1)
    xen.state(1, 6)
    expect(slot.log).toEqual(['connect'])
  })

  it('BackendDevice closes and ignores a frontend when it broke the protocol, until it begins anew', () => {
    const slot = xen.running()
    slot.device?.breach('a slot beyond its page')
    xen.settle()
    expect(xen.backendState(1)).toBe('6')
    xen.state(1, 4)
    expect(slot.log).toEqual(['connect'])
    xen.state(1, 6)
    xen.state(1, 1)
    expect(xen.backendState(1)).toBe('2')
    xen.connect(1)
    expect(slot.log).toEqual(['connect', 'connect'])
  })

  it('BackendDevice reports the reason when the hotplug script failed', () => {
    const slot = xen.add()
    xen.create(1)
    xen.set({ [`${backendOf(1)}/hotplug-error`]: 'no bridge', [`${backendOf(1)}/hotplug-status`]: 'error' })
    xen.connect(1)
    expect(slot.log).toEqual(['trouble: the hotplug script failed: no bridge'])
  })

  it('BackendDevice waits for no script when the toolstack runs none', () => {
    const slot = xen.add()
    xen.create(1)
    xen.remove(`${backendOf(1)}/script`)
    xen.connect(1)
    expect(slot.log).toEqual(['connect'])
  })

  it('BackendDevice tells rate and MAC address of the xl configuration when it has some', () => {
    const slot = xen.add()
    xen.create(1, { more: { rate: '12500,50000' } })
    expect(slot.keys).toMatchObject({ rate: { bytes: 12500, intervalUs: 50000 }, mac: '00:16:3e:00:00:01' })
    xen.create(2, { more: { rate: 'fast' } })
    const other = xen.add()
    expect(other.keys?.rate).toBeUndefined()
  })

  it('XenBus gives a vif to the port that describes it most exactly when several could take it', () => {
    const [any, byName, exact] = [{}, { guest: 'web' }, { guest: 'web', handle: 1 }].map((wish) =>
      xen.add(wish),
    )
    xen.create(3, { name: 'web', handle: 1 })
    xen.create(3, { name: 'web', handle: 0 })
    xen.create(4, { name: 'db' })
    expect([any, byName, exact].map((slot) => slot?.found?.backend)).toEqual([
      'backend/vif/4/0',
      'backend/vif/3/0',
      'backend/vif/3/1',
    ])
    xen.create(5)
    expect(xen.left.map(({ backend }) => backend)).toEqual(['backend/vif/5/0'])
    const late = xen.add({ mac: '00:16:3e:00:00:05' })
    expect(late.found?.domain).toBe(5)
  })

  it('XenBus finds vifs by MAC address when it may not read names', () => {
    xen.model.forbidden.add('/local/domain/7/name')
    const slot = xen.add({ mac: '00:16:3e:00:00:07' })
    xen.create(7)
    expect(slot.found).toMatchObject({ domain: 7, guest: undefined })
  })

  it('BackendDevice writes nothing into a vif when the toolstack has removed it meanwhile', () => {
    xen.add()
    xen.model.conflicts = 1
    xen.create(1)
    xen.hotplug(1)
    xen.connect(1)
    xen.set({ '/local/domain/1/device/vif/0/state': 6 })
    xen.remove(backendOf(1))
    xen.settle()
    expect([...xen.model.keys.keys()].filter((key) => key.startsWith(backendOf(1)))).toEqual([])
  })
})
