import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { xlConfig } from './guest.js'
import { DOM0_INIT, DOM0_ROOT, DOMU_INIT } from './init-scripts.js'

describe('first programs of domains', () => {
  it.each([
    ['DOM0_INIT', DOM0_INIT],
    ['DOM0_ROOT', DOM0_ROOT],
    ['DOMU_INIT', DOMU_INIT],
  ])('%s is valid for a shell and ends with the agent, a chroot or the power', (_, script) => {
    execFileSync('sh', ['-n', '-c', script])
    expect(script.trimEnd().split('\n').slice(-4).join('\n')).toMatch(/agent\.sh|chroot/)
  })
})

describe('xlConfig', () => {
  it('xlConfig names the kind of guest and all of its vifs', () => {
    const text = xlConfig({ name: 'a', type: 'pvh', channel: 0, vifs: ['mac=1,script=s', 'mac=2,script=s'] })
    expect(text).toContain('type = "pvh"')
    expect(text).toContain('vif = [ "mac=1,script=s", "mac=2,script=s" ]')
  })
})
