import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bestGuestKind, chooseGuestKind, examine } from './doctor.js'
import { assignment, describeMachine, programVersion } from './machine.js'

describe('describeMachine', () => {
  it('describeMachine is data that survives JSON and names this host', () => {
    const machine = describeMachine()
    expect(JSON.parse(JSON.stringify(machine))).toEqual(machine)
    expect(machine.kernel).toBe(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim())
    expect(machine.ringferry).toMatch(/^\d+\.\d+\.\d+/)
    expect(machine.cores).toBeGreaterThan(0)
    expect(machine.loadAverage).toHaveLength(3)
    expect(Object.keys(machine.programs)).toEqual(
      expect.arrayContaining(['linux.uml', 'iperf3', 'dpdk-testpmd']),
    )
  })

  it('programVersion finds the number in what a program prints, null when there is none', () => {
    expect(programVersion('node', ['--version'])).toBe(process.versions.node)
    expect(programVersion('ringferry-no-such-program', [])).toBeNull()
  })

  it('assignment reads values with and without quotes', () => {
    expect(assignment('A=1\nPRETTY_NAME="Debian 12 (x)"\n', 'PRETTY_NAME')).toBe('Debian 12 (x)')
    expect(assignment('A=1\n', 'A')).toBe('1')
    expect(assignment('AB=1\n', 'A')).toBeUndefined()
  })
})

describe('examine', () => {
  it('examine gives a remedy only for what is not there', () => {
    const checks = examine()
    expect(new Set(checks.map((check) => check.name)).size).toBe(checks.length)
    for (const check of checks) {
      expect(check.found).not.toBe('')
      expect(check.need).not.toBe('')
      expect(`${check.found}${check.remedy}`).not.toContain('\n')
      if (check.ok) expect(check.remedy).toBe('')
    }
    const named = (name: string) => checks.find((check) => check.name === name)
    for (const name of ['node', 'libc', 'memory file', 'linear memory'])
      expect(named(name)).toMatchObject({ ok: true })
  })

  it('chooseGuestKind agrees with bestGuestKind and gives a reason in one line', () => {
    const { kind, reason } = chooseGuestKind()
    expect(bestGuestKind()).toBe(kind === 'embedded' ? undefined : kind)
    expect(reason).toMatch(/^[^\n]+$/)
  })
})
