import { describe, expect, it } from 'vitest'
import { parsePortFlag } from './port-flags.js'

describe('parsePortFlag', () => {
  it('parsePortFlag reads name, place and settings of every type', () => {
    const text = 'g1=/tmp/a=b.sock,vlan=10,isolated=true,withhold=GUEST_TSO4+MRG_RXBUF,publish=per-packet'
    expect(parsePortFlag('vif', text)).toEqual({
      flag: `--vif ${text}`,
      port: {
        kind: 'vif',
        name: 'g1',
        socket: '/tmp/a=b.sock',
        vlan: 10,
        isolated: true,
        withhold: ['GUEST_TSO4', 'MRG_RXBUF'],
        publish: 'per-packet',
      },
    })
    expect(parsePortFlag('packet', 'up=eth0,trunk=10+20').port).toMatchObject({
      device: 'eth0',
      trunk: [10, 20],
    })
  })

  it('parsePortFlag puts a setting with a dot into its group', () => {
    expect(parsePortFlag('vif', 'g1=/a,fromVm.averageKiB=5,fromVm.framesPerSecond=9').port).toEqual({
      kind: 'vif',
      name: 'g1',
      socket: '/a',
      fromVm: { averageKiB: 5, framesPerSecond: 9 },
    })
    expect(() => parsePortFlag('vif', 'g1=/a,vlan=1,vlan.x=2')).toThrow('vlan.x is given already')
  })

  it('parsePortFlag says how to write a flag when it is not of the form', () => {
    expect(() => parsePortFlag('tap', 'rf0')).toThrow(
      '--tap rf0: write it as --tap NAME=DEVICE[,key=value...]',
    )
    expect(() => parsePortFlag('vif', 'g1=')).toThrow('write it as --vif NAME=SOCKET')
    expect(() => parsePortFlag('vif', 'g1=/a,fast')).toThrow('"fast" is no key=value')
    expect(() => parsePortFlag('vif', 'g1=/a,name=b')).toThrow('name is given already')
  })
})
