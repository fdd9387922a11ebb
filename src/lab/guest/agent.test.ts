import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Agent } from './agent.js'
import { AGENT_SCRIPT } from './agent-script.js'

describe('Agent', () => {
  let folder: string
  let child: ReturnType<typeof spawn>
  let agent: Agent
  let ended: Promise<unknown>
  const other: string[] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-agent-'))
    child = spawn('sh', ['-c', AGENT_SCRIPT, 'agent', folder], { stdio: ['pipe', 'pipe', 'ignore'] })
    // One test has it end by itself.
    ended = new Promise((resolve) => child.once('exit', resolve))
    other.length = 0
    const [writable, readable] = [child.stdin!, child.stdout!]
    agent = new Agent('g', { readable, writable }, (text) => other.push(text))
    await agent.ready
  })

  afterEach(async () => {
    agent.powerOff()
    await ended
    rmSync(folder, { recursive: true, force: true })
  })

  it('Agent.run returns both streams and the exit code when a command ends', async () => {
    const result = await agent.run('echo out; echo err >&2; exit 3')
    expect(result).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' })
  })

  it('Agent.run keeps text exact when it has quotes, newlines, backslashes and wide characters', async () => {
    const text = `a'b"c\\n \\0101 $HOME \`x\`\n  zweite Zeile: äöü €\n`
    const result = await agent.run(`cat <<'END'\n${text}END`)
    expect(result.stdout).toBe(text)
  })

  it('Agent.run joins a long line when it comes in pieces cut inside characters', async () => {
    const line = 'x€'.repeat(5000)
    const result = await agent.run(`i=0; while [ $i -lt 5000 ]; do printf 'x€'; i=$((i+1)); done`)
    expect(result.stdout).toBe(line)
  })

  it('Agent.run keeps commands apart when several run at once', async () => {
    const long = (letter: string) => `for i in 1 2 3 4 5; do printf '%02000d\\n' 0 | tr 0 ${letter}; done`
    const results = await Promise.all(['a', 'b', 'c'].map((letter) => agent.run(long(letter))))
    expect(results.map((result) => result.stdout)).toEqual(
      ['a', 'b', 'c'].map((letter) => `${letter.repeat(2000)}\n`.repeat(5)),
    )
  })

  it('Agent.start gives lines as they come and stop ends the whole process group', async () => {
    let first: (line: string) => void = () => {}
    const seen = new Promise<string>((resolve) => {
      first = resolve
    })
    const command = agent.start('echo $$; sleep 1000 & sleep 1000', { onStdout: (line) => first(line) })
    const pid = await seen
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    const result = await command.stop()
    expect(result.code).toBe(128 + 15)
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  it('Agent.start stops a command when the request comes at once', async () => {
    const result = await agent.start('sleep 1000').stop()
    expect(result.code).toBe(128 + 15)
  })

  it('Agent.start kills a command when it ignores SIGTERM', async () => {
    let command: ReturnType<Agent['start']> | undefined
    await new Promise<void>((resolve) => {
      const ignoring = `trap '' TERM; echo up; while :; do sleep 0.1; done`
      command = agent.start(ignoring, { onStdout: () => resolve() })
    })
    expect((await command?.stop())?.code).toBe(128 + 9)
  })

  it('Agent.run rejects with one line when the time is over', async () => {
    await expect(agent.run('sleep 1000', { timeoutMs: 300 })).rejects.toThrow(
      'guest g: "sleep 1000" was killed after 0.3 s without end',
    )
  })

  it('Agent hands text on when it is not of the agent', async () => {
    const [writable, readable] = [child.stdin!, child.stdout!]
    readable.emit('data', Buffer.from('[ 1.0] kernel says @rf@ 1 x 0\n'))
    expect(other).toEqual(['[ 1.0] kernel says @rf@ 1 x 0\n'])
    expect(writable.writable).toBe(true)
  })

  it('Agent.close rejects what runs when the guest has ended', async () => {
    const command = agent.start('sleep 0.3')
    const reason = expect(command.done).rejects.toThrow('"sleep 0.3" was cut off')
    agent.close('was cut off')
    await reason
    await expect(agent.run('true')).rejects.toThrow('the guest has ended')
    child.stdin!.end()
  })

  it('Agent sends an empty line when a command runs and nothing is heard, and none when no command runs', async () => {
    const sent: string[] = []
    const writable = new Writable({
      write(chunk: Buffer, _encoding, done) {
        sent.push(chunk.toString())
        child.stdin!.write(chunk, done)
      },
    })
    agent = new Agent('g', { readable: child.stdout!, writable }, undefined, 50)
    const empty = () => sent.filter((text) => text === '\n').length
    expect((await agent.run('sleep 0.3; echo slow')).stdout).toBe('slow\n')
    const nudges = empty()
    expect(nudges).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(empty()).toBe(nudges)
  })
})
