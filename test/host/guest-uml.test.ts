import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { sessionProcesses } from '../../src/lab/guest/processes.js'
import { findTool } from '../../src/lab/guest/tools.js'
import { exerciseGuest } from './guest-exercise.js'

const found = findTool('linux.uml') !== undefined
if (!found)
  console.log('skipped: linux.uml is missing; apt-get install user-mode-linux or ringferry guest fetch')

describe.runIf(found)('a uml guest', () => {
  let guest: Guest
  beforeAll(async () => {
    guest = await bootGuest({ name: 'uml-host-test', kind: 'uml' })
  })
  afterAll(cleanUp)

  exerciseGuest(() => guest)

  it('bootGuest boots two at once, each with its own name', async () => {
    const names = ['uml-a', 'uml-b']
    const pair = await Promise.all(names.map((name) => bootGuest({ name, kind: 'uml', memoryMb: 128 })))
    const said = await Promise.all(pair.map((one) => one.run('cat /proc/sys/kernel/hostname')))
    expect(said.map((result) => result.stdout.trim())).toEqual(names)
    await Promise.all(pair.map((one) => one.stop()))
  })

  it('bootGuest quotes the last words when the guest does not boot', async () => {
    const spec = {
      name: 'uml-bad',
      kind: 'uml',
      extraArguments: ['init=/nowhere'],
      bootTimeoutMs: 20_000,
    } as const
    await expect(bootGuest(spec)).rejects.toThrow(/guest uml-bad: linux\.uml .*last words: .*init/)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ringferry-uml-bad-'))).toEqual([])
  })

  it('bootGuest leaves nothing when a NIC does not come up', async () => {
    const transport = { type: 'vhost-user', path: '/nowhere/socket' } as const
    const spec = { name: 'uml-nonic', kind: 'uml', nics: [{ transport }] } as const
    await expect(bootGuest(spec)).rejects.toThrow(
      /guest uml-nonic: NIC 0 \(vhost-user\) did not appear as eth0/,
    )
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ringferry-uml-nonic-'))).toEqual([])
  })

  it('Guest.stop leaves no process and no folder, and may be called again', async () => {
    const { pid } = guest
    await Promise.all([guest.stop(), guest.stop()])
    expect(guest.alive).toBe(false)
    expect(sessionProcesses(pid).filter((stat) => stat.state !== 'Z')).toEqual([])
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('ringferry-uml-host-test-'))).toEqual([])
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    await expect(guest.run('true')).rejects.toThrow('the guest has ended')
  })
})
