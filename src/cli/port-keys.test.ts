import { describe, expect, it } from 'vitest'
import { PORT_SCHEMAS } from '../config/schema.js'
import { portKeysHelp } from './port-keys.js'

describe('portKeysHelp', () => {
  const help = portKeysHelp(80)

  it('portKeysHelp has every key of every kind, with what it may be', () => {
    const keys = Object.values(PORT_SCHEMAS).flatMap(({ shape }) => Object.keys(shape))
    const given = ['kind', 'name', 'socket', 'device', 'local', 'guest']
    for (const key of keys.filter((each) => !given.includes(each)))
      expect(help).toMatch(new RegExp(`^  ${key}[=.]`, 'm'))
    expect(help).toMatch(/^ {2}vlan=1\.\.4094 {2}\S/m)
    expect(help).toMatch(/^ {2}fromVm\.averageKiB=/m)
    expect(help).toMatch(/^Keys of --vxlan:\n(?: .*\n)*? {2}vni=0\.\.16777215 /m)
  })

  it('portKeysHelp fits the columns', () => {
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})
