import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { allParked, seenIdleThreads } from '../../test/support/idle-threads-seen.js'
import { allowedCpus } from './affinity.js'
import { idleThreadCode } from './idle-thread-code.js'
import { IdleThreads } from './idle-threads.js'

const open: IdleThreads[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
  // An ended thread is seen until the kernel has reaped it.
  await until(() => seenIdleThreads().length === 0)
})

function started(cpus = allowedCpus(0)): IdleThreads {
  const threads = new IdleThreads(cpus)
  open.push(threads)
  return threads
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(2)
}

const { SIGKILL, SIGSTOP } = constants.signals

describe('IdleThreads', () => {
  it('are one to a processor, of the idle class, bound to it, and wait in the kernel while off', async () => {
    const { cpus } = started()
    await until(allParked)
    const SCHED_IDLE = 5
    const expected = cpus.map((cpu) => ({ state: 'S', policy: SCHED_IDLE, cpus: String(cpu) }))
    expect(seenIdleThreads()).toMatchObject(expected)
    expect(seenIdleThreads()).toHaveLength(cpus.length)
  })

  it('burn time when on, and none when off again', async () => {
    const threads = started()
    await until(allParked)
    const before = threads.burntUs()
    threads.on()
    await until(() => threads.burntUs() > before + 2_000)
    threads.off()
    await until(allParked)
    const after = threads.burntUs()
    for (let reads = 0; reads < 20; reads++) {
      await sleep(1)
      expect(threads.burntUs()).toBe(after)
    }
  })

  it('park by themselves when nobody says again that they shall spin', async () => {
    const threads = started()
    threads.on()
    await until(() => threads.burntUs() > 1_000)
    await until(allParked)
    expect(threads.isOn).toBe(true)
  })

  it('spin on when they are told again', async () => {
    const threads = started()
    for (let at = 0; at < 20; at++) {
      const before = threads.burntUs()
      threads.on()
      await until(() => threads.burntUs() > before)
    }
  })

  it('leave no thread behind when closed, on or off', async () => {
    for (const isOn of [false, true]) {
      const threads = started()
      if (isOn) threads.on()
      expect(seenIdleThreads()).toHaveLength(threads.cpus.length)
      await threads.close()
      await until(() => seenIdleThreads().length === 0)
      const burnt = threads.burntUs()
      expect(threads.burntUs()).toBe(burnt)
      await threads.close()
    }
  })

  it('leave no thread behind when one cannot be bound to its processor', async () => {
    const missing = 1023
    expect(() => new IdleThreads([...allowedCpus(0), missing])).toThrow(/processor 1023/)
    await until(() => seenIdleThreads().length === 0)
  })

  it('take no signal of the process', async () => {
    started().on()
    await sleep(1)
    for (const { blocked } of seenIdleThreads()) {
      const free = Array.from({ length: 31 }, (_, at) => at + 1).filter(
        (signal) => !((blocked >> BigInt(signal - 1)) & 1n),
      )
      expect(free).toEqual([SIGKILL, SIGSTOP])
    }
  })

  it('run as a user without rights', { skip: process.getuid?.() !== 0 }, () => {
    const script = `
      import { IdleThreads } from '${new URL('../../dist/sys/idle-threads.js', import.meta.url).pathname}'
      import { allowedCpus } from '${new URL('../../dist/sys/affinity.js', import.meta.url).pathname}'
      const threads = new IdleThreads(allowedCpus(0))
      threads.on()
      while (threads.burntUs() < 2000) await new Promise((resolve) => setTimeout(resolve, 2))
      await threads.close()
      console.log(process.getuid())`
    const ids = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const ran = spawnSync('setpriv', [...ids, process.execPath, '--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect([ran.stderr, ran.stdout.trim()]).toEqual(['', '65534'])
  })
})

describe('idleThreadCode', () => {
  it.each(['x64', 'arm64'])('is there for %s', (arch) =>
    expect(idleThreadCode(arch)?.length).toBeGreaterThan(0))

  it('is undefined for a processor that it was not written for', () =>
    expect(idleThreadCode('riscv64')).toBeUndefined())
})
