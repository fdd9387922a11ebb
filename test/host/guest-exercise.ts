import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Guest } from '../../src/lab/guest/guest.js'
import { until } from './support/network.js'

/** What every kind of guest must do. */
export function exerciseGuest(the: () => Guest): void {
  it('Guest.run returns both streams and the exit code', async () => {
    const result = await the().run('echo out; echo err >&2; printf half; exit 7')
    expect(result).toEqual({ code: 7, stdout: 'out\nhalf', stderr: 'err\n' })
  })

  it('Guest.run runs two commands at once', async () => {
    const meet = (mine: string, other: string) =>
      `touch /tmp/${mine}; while [ ! -e /tmp/${other} ]; do sleep 0.1; done; rm /tmp/${other}; echo met`
    const results = await Promise.all([
      the().run(meet('rf-a', 'rf-b'), { timeoutMs: 30_000 }),
      the().run(meet('rf-b', 'rf-a'), { timeoutMs: 30_000 }),
    ])
    expect(results.map((result) => result.stdout)).toEqual(['met\n', 'met\n'])
  })

  it('Guest.run carries much output and long lines', async () => {
    const result = await the().run(
      'i=0; while [ $i -lt 300 ]; do echo "$i: $(printf %01500d 7)"; i=$((i+1)); done',
    )
    const lines = result.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(300)
    expect(lines.every((line, index) => line === `${index}: ${'7'.padStart(1500, '0')}`)).toBe(true)
  })

  it('Guest.start is stopped with all that it started', async () => {
    const lines: string[] = []
    let onFirst: () => void = () => {}
    const first = new Promise<void>((resolve) => {
      onFirst = resolve
    })
    const command = the().start('sleep 1234 & echo $$; sleep 1234', {
      onStdout: (line) => {
        lines.push(line)
        onFirst()
      },
    })
    await first
    const running = await the().run(`kill -0 ${lines[0]}`)
    expect(running.code).toBe(0)
    expect((await command.stop()).code).toBe(143)
    const left = await the().run(`kill -0 -- -${lines[0]}`)
    expect(left.code).not.toBe(0)
  })

  it('Guest.run rejects when the time is over and the guest goes on', async () => {
    await expect(the().run('sleep 1234', { timeoutMs: 500 })).rejects.toThrow(/killed after 0\.5 s/)
    expect((await the().run('echo well')).stdout).toBe('well\n')
  })

  it('Guest.cpuSeconds grows when the guest computes', async () => {
    const before = the().cpuSeconds()
    const computing = the().start('while :; do :; done')
    await until('it has computed', () => the().cpuSeconds() > before + 0.3)
    await computing.stop()
  })

  it('Guest.getFile returns what Guest.putFile wrote', async () => {
    const content = randomBytes(10_000)
    await the().putFile('/tmp/rf-file', content)
    expect((await the().getFile('/tmp/rf-file')).equals(content)).toBe(true)
    await the().run('rm /tmp/rf-file')
  })
}
