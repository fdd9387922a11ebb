import { describe, expect, it } from 'vitest'
import type { Agent } from '../guest/agent.js'
import type { CommandOptions } from '../guest/spec.js'
import { vmSchema } from './bed.js'
import { XenVm } from './xen-vm.js'

describe('XenVm', () => {
  it('XenVm has commands take as much longer as the time of its machine does', async () => {
    const seen: (number | undefined)[] = []
    const run = async (_: string, options?: CommandOptions) => {
      seen.push(options?.timeoutMs)
      return { code: 0, stdout: '', stderr: '' }
    }
    const nic = { device: 'eth0', mac: '', address: '' }
    const vm = new XenVm(
      vmSchema.parse({ name: 'a', kind: 'xen' }),
      {
        ...{ agent: { run } as unknown as Agent, alive: () => true, patience: 4 },
        ...{ nics: { bridge: nic, ringferry: nic }, events: { bridge: '', ringferry: '' } },
      },
      () => 'ringferry',
    )
    await vm.guest.run('true', { timeoutMs: 100 })
    await vm.guest.run('true')
    await vm.must('true')
    expect(seen).toEqual([400, undefined, 240_000])
  })
})
