import { describe, expect, it } from 'vitest'
import { bedSchema } from './bed.js'
import { planVms } from './plan.js'
import { policyOf, portLimits, portOf, switchOptions } from './ringferry.js'

const bed = (settings: object, vm: object) => {
  const spec = bedSchema.parse({ switch: settings, vms: [{ name: 'a', ...vm }] })
  const [plan] = planVms(spec, '00abc0')
  return { spec: spec.switch, vm: spec.vms[0]!, nic: plan!.nics[0]! }
}

describe('settings of ringferry', () => {
  it('switchOptions schedules between VMs unless isolation is off', () => {
    const on = bed({ policy: 'fixed', holdUs: 70, budget: 0.4 }, { kind: 'uml' }).spec
    expect(switchOptions(on)).toMatchObject({
      policy: { name: 'fixed', holdUs: 70 },
      schedule: true,
      budget: 0.4,
    })
    expect(switchOptions(bed({ isolation: false }, { kind: 'uml' }).spec).schedule).toBe(false)
    expect(policyOf(bed({ policy: 'dim' }, { kind: 'uml' }).spec)).toEqual({ name: 'dim' })
  })

  it('switchOptions lets all idle time be burnt to keep awake when the bed says so, and none else', () => {
    const share = (settings: object) => switchOptions(bed(settings, { kind: 'uml' }).spec).awake
    expect([share({}), share({ awake: false }), share({ awake: true })]).toEqual([0, 0, 1])
  })

  it('portLimits turns megabits into KiB a second, and sets no limit without isolation', () => {
    const limited = { kind: 'uml', limitMbps: 100 }
    const { spec, vm } = bed({}, limited)
    expect(portLimits(spec, vm).fromVm).toEqual({ averageKiB: 12207, burstKiB: 610 })
    expect(portLimits(spec, vm).stormFps).toBeGreaterThan(0)
    const off = bed({ isolation: false }, limited)
    expect(portLimits(off.spec, off.vm)).toEqual({ stormFps: 0 })
  })

  it.each([
    ['uml', 'virtio', 'vif', 'vhost-user'],
    ['qemu', 'virtio', 'vif', 'vhost-user'],
    ['qemu', 'e1000', 'stream', 'stream'],
    ['netns', 'virtio', 'tap', 'tap'],
    ['host', 'virtio', 'tap', 'tap'],
  ])('portOf gives a %s VM with %s a %s port', (kind, model, portKind, transport) => {
    const { spec, vm, nic } = bed({}, { kind, model })
    const { port, link } = portOf(spec, vm, nic, '/tmp/x')
    expect([port.kind, port.name, link.transport.type]).toEqual([portKind, 'a', transport])
  })

  it('portOf has acknowledgements thinned when the VM says so', () => {
    for (const kind of ['uml', 'netns']) {
      const { spec, vm, nic } = bed({}, { kind, thinAcks: true })
      expect(portOf(spec, vm, nic, '/tmp/x').port.thinAcks).toBe(true)
      expect(portOf(spec, bed({}, { kind }).vm, nic, '/tmp/x').port.thinAcks).toBeUndefined()
    }
  })

  it('portOf hands target and weight to the policy', () => {
    const { spec, vm, nic } = bed({}, { kind: 'uml', targetUs: 80, weight: 3 })
    expect(portOf(spec, vm, nic, '/tmp/x').port).toMatchObject({ targetUs: 80, weight: 3 })
  })
})
