import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Cli, MAIN } from '../host/cli-process.js'

/** Runs the program with a pipe for a stream that nobody reads. Returns its end, and what the other stream said. */
function withoutReader(
  stream: 'stdout' | 'stderr',
  args: readonly string[],
): Promise<{ code: number | null; signal: string | null; said: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  child[stream].destroy()
  let said = ''
  child[stream === 'stdout' ? 'stderr' : 'stdout'].on('data', (chunk: Buffer) => {
    said += chunk
  })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, said })))
}

describe('standard output', () => {
  it.each([
    '--help',
    '--version',
    'help up',
    'doctor',
    'lab list --json',
    'attach --print uml g1 --socket /tmp/g1.sock',
    'up --dry-run --vif g1=/tmp/g1.sock',
  ])('ringferry %s ends like others at a broken pipe, and says nothing, when nobody reads it', async (line) => {
    expect(await withoutReader('stdout', line.split(' '))).toEqual({ code: 141, signal: null, said: '' })
  })

  it.each([
    [['fly']],
    [['guest']],
    [[]],
    [['up', '--config', '/nonexistent.yaml']],
  ])('ringferry %j keeps its exit code when nobody reads standard error', async (args) => {
    const { code, said } = await withoutReader('stderr', args)
    expect({ code, said }).toEqual({ code: args[0] === 'up' ? 4 : 2, said: '' })
  })

  it('ringferry says so in one line when the disk is full', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [MAIN, 'lab', 'list'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, said }).toEqual({
      code: 7,
      said: 'ringferry: standard output cannot be written (ENOSPC)\n',
    })
  })

  it('ringferry up removes its sockets when its reader goes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-output-'))
    const up = new Cli(['up', '--json', '--vif', `g1=${join(folder, 'g1.sock')}`])
    try {
      await up.printed('"type":"ready"')
      up.child.stdout?.destroy()
      const { code, stderr } = await up.ended
      expect({ code, stderr, left: readdirSync(folder) }).toEqual({ code: 141, stderr: '', left: [] })
    } finally {
      up.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
