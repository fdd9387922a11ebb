// Sweeps over many machines: a real Redis server, workers as processes of their own, one of them killed, the server lost.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { queueName } from '../../src/experiment/queue-connection.js'
import { Cli, cli } from './cli-process.js'

const hasRedis = spawnSync('redis-server', ['--version']).error === undefined
if (!hasRedis) console.log('skipped: redis-server is missing; apt-get install redis-server')

const folder = mkdtempSync(join(tmpdir(), 'ringferry-queue-'))
const socket = join(folder, 'redis.sock')
const queue = ['--queue', `unix:${socket}`]
const POINTS = 4

/** A point takes long enough to be killed over. */
const model = join(folder, 'model.yaml')
writeFileSync(
  model,
  `name: small
nics: [{ name: eth0, gbps: 1 }]
vms: [{ name: v }]
traffic: [{ kind: open, from: eth0, to: v, rateFps: 200000 }]
measureMs: 500
warmUpMs: 10
replications: { min: 2, max: 2 }
sweep: { factors: { budget: [0.5, 0.6, 0.7, 0.8] } }
`,
)

const running: (Cli | ChildProcess)[] = []

function start(args: readonly string[]): Cli {
  const one = new Cli(args)
  running.push(one)
  return one
}

const worker = () => start(['sim', 'worker', ...queue, '--workers', '1'])
const sweep = (out: string) => start(['sim', 'sweep', model, ...queue, '--out', join(folder, out), '--json'])

/** A server that keeps nothing when it dies. */
function startRedis(): ChildProcess {
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder],
    {
      stdio: 'ignore',
    },
  )
  running.push(server)
  return server
}

async function kill(one: Cli | ChildProcess): Promise<void> {
  const child = one instanceof Cli ? one.child : one
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.on('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20)
}

const count = (text: string, words: string): number => text.split(words).length - 1
/** Points that a worker has begun, or done. */
const points = ({ stderr }: Cli, what: 'begins' | 'done'): string[] =>
  [...stderr.matchAll(new RegExp(`^(\\w+): ${what}$`, 'gm'))].map(([, id]) => id!)

describe.runIf(hasRedis)('sweeps over many machines', () => {
  afterEach(async () => {
    for (const one of running.splice(0)) await kill(one)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('ringferry sim sweep --queue loses nothing when a worker is killed, and finds what was run before', async () => {
    startRedis()
    const [dying, other] = [worker(), worker()]
    const first = sweep('first.jsonl')
    await new Promise<void>((resolve) => {
      dying.child.stderr?.on('data', () => {
        if (points(dying, 'begins').length === 0) return
        dying.child.kill('SIGKILL')
        resolve()
      })
    })
    const { code, stdout, stderr } = await first.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    // What the killed one had begun and not done, the other one did.
    const done = [...points(dying, 'done'), ...points(other, 'done')]
    for (const id of points(dying, 'begins')) expect(done).toContain(id)
    expect(new Set(done).size).toBe(POINTS)
    // The same figures as on threads of this machine.
    const alone = await cli(['sim', 'sweep', model, '--out', join(folder, 'alone.jsonl'), '--json'])
    expect(JSON.parse(stdout)).toEqual(JSON.parse(alone.stdout))
    // Another sweep of the same points finds them done.
    const begun = points(other, 'begins').length
    const again = await sweep('again.jsonl').ended
    expect(again.stdout).toBe(stdout)
    expect(points(other, 'begins').length).toBe(begun)
  })

  it('ringferry sim sweep --queue says that Redis is away, waits, and goes on when it is back, its jobs lost or not', async () => {
    const waiting = sweep('waiting.jsonl')
    await until(() => waiting.stderr.includes('; waiting for it'))
    const server = startRedis()
    await until(() => waiting.stderr.includes('Redis is back; going on'))
    const client = new Redis(socket)
    client.on('error', () => {})
    try {
      await until(async () => (await client.llen(`bull:${queueName()}:wait`)) === POINTS)
    } finally {
      client.disconnect()
    }
    await kill(server)
    await until(() => count(waiting.stderr, 'Redis is away') === 2)
    startRedis()
    worker()
    const { code, stdout } = await waiting.ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout).points).toHaveLength(POINTS)
    expect(count(waiting.stderr, 'Redis is back')).toBe(2)
    expect(readFileSync(join(folder, 'waiting.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(POINTS)
  })

  it('ringferry sim refuses what is no address of a server, in one line, and a server that refuses it', async () => {
    const { code, stderr } = await cli(['sim', 'worker', '--queue', 'http://me:secret@host'])
    expect(code).toBe(2)
    expect(stderr).toBe(
      'ringferry: --queue: "http://host" is no address of a Redis server; write redis://HOST:6379, rediss://HOST or unix:/PATH\n',
    )
  })
})
