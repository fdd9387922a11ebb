import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js')
const folder = mkdtempSync(join(tmpdir(), 'ringferry-tune-'))
const control = join(folder, 'control')
let up: ChildProcess

function tune(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'tune', ...args], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
  })
}

beforeAll(async () => {
  const sockets = ['g1', 'g2'].flatMap((name) => ['--vif', `${name}=${join(folder, name)}`])
  up = spawn(process.execPath, [MAIN, 'up', '--control', control, ...sockets], { stdio: 'ignore' })
  while (!existsSync(control)) {
    expect(up.exitCode).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})

afterAll(async () => {
  const ended = new Promise((resolve) => up.once('exit', resolve))
  up.kill('SIGINT')
  await ended
  expect(existsSync(control)).toBe(false)
  rmSync(folder, { recursive: true })
})

describe('ringferry tune', () => {
  it('changes the policy and a target of a running switch and shows both', async () => {
    expect((await tune('policy', 'adaptive', '--budget', '0.5', '--control', control)).code).toBe(0)
    expect((await tune('set', 'g1', '--target', '200us', '--control', control)).code).toBe(0)
    const { stdout } = await tune('show', '--json', '--control', control)
    const state = JSON.parse(stdout)
    expect(state).toMatchObject({ policy: { name: 'adaptive' }, budget: 0.5 })
    expect(state.vifs).toMatchObject([
      { name: 'g1', targetUs: 200 },
      { name: 'g2', targetUs: 500 },
    ])
  })

  it('changes the share for keeping awake, and shows what it burns', async () => {
    const { code, stdout } = await tune('awake', '0.5', '--control', control)
    expect(code).toBe(0)
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      / awake \w+.*, share 0\.5.*, burnt \d+ us,.* a wake-up costs /,
    )
    expect(JSON.parse((await tune('awake', '0', '--json', '--control', control)).stdout).awake).toMatchObject(
      {
        share: 0,
        state: 'off',
      },
    )
  })

  it('explains a vif with the decisions taken', async () => {
    const { stdout, code } = await tune('explain', 'g1', '--control', control)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^g1: target 200 us/)
    expect(stdout).toContain('Nothing is held and every burst is published at once')
  })

  it('shows a verdict about every target, in 80 columns, and the figures of the model only when asked', async () => {
    const { stdout } = await tune('show', '--control', control)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).toMatch(/^g1 +200 us .* no load$/m)
    expect(stdout).not.toContain('theta')
    expect((await tune('show', '--verbose', '--control', control)).stdout).toContain('theta')
    const { promises } = JSON.parse((await tune('show', '--json', '--control', control)).stdout)
    expect(promises).toMatchObject([{ name: 'g1', state: 'no-load', targetUs: 200 }, { name: 'g2' }])
  })

  it('warns, and does what it is told, when a target is set under a policy that holds none', async () => {
    expect((await tune('set', 'g1', '--target', '300us', '--control', control)).stderr).toBe('')
    await tune('policy', 'natural', '--control', control)
    const { code, stderr, stdout } = await tune('set', 'g1', '--target', '250us', '--control', control)
    expect(code).toBe(0)
    expect(stderr).toBe(
      'ringferry: warning: policy natural does not hold targets; that of g1 counts under policy adaptive: ringferry tune policy adaptive\n',
    )
    expect(stdout).toMatch(/^g1 +250 us .* not held$/m)
  })

  it.each([
    [['set', 'g9', '--target', '1ms', '--control', control], 4, /g9/],
    [['set', 'g1', '--control', control], 2, /--target/],
    [['set', 'g1', '--target', 'soon', '--control', control], 2, /200us/],
    [['awake', '2', '--control', control], 2, /share of the processors' time/],
    [['policy', 'best', '--control', control], 2, /adaptive/],
    [['show', '--control', join(folder, 'nobody')], 4, /there is no such socket; start the switch/],
    [['sho'], 2, /did you mean "show"/],
  ])('answers %j with one clear line', async (args, code, message) => {
    const result = await tune(...args)
    expect(result.code).toBe(code)
    expect(result.stderr.trim().split('\n')).toHaveLength(1)
    expect(result.stderr).toMatch(message)
  })
})
