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
  for (let tries = 0; tries < 200 && !existsSync(control); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50))
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
    expect(stdout).toMatch(/^awake \w+, share 0\.5.*, burnt \d+ us, a wake-up costs /m)
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
    expect(stdout).toContain('no-hold')
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
