// Capture, mirror and replay as an operator uses them: TAP devices, the built program, tshark.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileFrame } from '../../src/capture/file-frame.js'
import { readFrames } from '../../src/capture/packet-file.js'
import { PcapngWriter } from '../../src/capture/pcapng.js'
import { broadcast, frame } from '../support/switch.js'
import { Cli, MAIN } from './cli-process.js'
import { until } from './support/network.js'

const canRun = process.getuid?.() === 0 && spawnSync('tshark', ['--version']).error === undefined
if (!canRun) console.log('skipped: this needs root (TAP devices) and tshark; apt-get install tshark')
const folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
const path = (name: string): string => join(folder, name)
let up: Cli

async function framesOf(file: string): Promise<FileFrame[]> {
  const chunks = (async function* () {
    yield readFileSync(file)
  })()
  const frames: FileFrame[] = []
  for await (const each of readFrames(chunks, file, { otherLinks: 0, isCut: false })) frames.push(each)
  return frames
}

/** Writes frames as a capture file, a millisecond between them. */
function write(file: string, frames: readonly Uint8Array[]): void {
  const writer = new PcapngWriter({ port: 'x', snapBytes: 65_560, filter: '', program: 'test', epochUs: 0 })
  const blocks = frames.map((data, number) =>
    writer.frame({
      ...{ timeUs: number * 1000, direction: 'ingress', sizeBytes: data.length, data },
      ...{ queueUs: 0, joined: false, missed: 0 },
    }),
  )
  writeFileSync(file, Buffer.concat([writer.start(), ...blocks]))
}

const ask = (...args: string[]): Cli => new Cli([...args, '--control', up.control])

/** Starts a capture and waits until the switch captures: its file has begun. */
async function capture(port: string, file: string, ...more: string[]): Promise<Cli> {
  const cli = ask('capture', port, '-w', file, ...more)
  await until(`the capture of ${port} begins`, () => {
    if (cli.child.exitCode !== null) throw new Error(`the capture of ${port} ended: ${cli.stderr}`)
    return existsSync(file) && readFileSync(file).length > 0
  })
  return cli
}

const OURS = 'ether proto 0x88b5'

describe.runIf(canRun)('ringferry capture', () => {
  beforeAll(async () => {
    up = new Cli([
      ...[
        'up',
        '--json',
        '--tap',
        'a=rfcap0,macs=02:00:00:00:00:01',
        '--tap',
        'b=rfcap1,vlan=7',
        '--tap',
        'c=rfcap2',
      ],
      ...['--tap', 'm=rfcap3,mirror=a'],
    ])
    await up.printed('"ready"')
  })
  afterAll(async () => {
    up.kill('SIGTERM')
    await up.ended
    rmSync(folder, { recursive: true, force: true })
  })

  it('writes what tshark reads: the frames, and what became of them as comments', async () => {
    const sent = [broadcast(1, 80), frame(3, 9, 90), broadcast(1, 100)]
    write(path('sent.pcapng'), sent)
    const filter = ['--filter', OURS]
    const from = await capture('a', path('a.pcapng'), ...filter, '--count', '3')
    const to = await capture('b', path('b.pcapng'), ...filter, '--count', '2')
    expect((await ask('replay', path('sent.pcapng'), 'a').ended).stdout).toBe(
      '3 frames replayed from port a\n',
    )
    const ended = await from.ended
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stderr).toMatch(/3 of \d+ frames captured; it has as many frames as were asked for/)
    expect((await to.ended).code).toBe(0)
    const read = (file: string): string[] =>
      execFileSync('tshark', ['-r', file, '-T', 'fields', '-e', 'frame.len', '-e', 'frame.comment'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
        .split('\n')
        .slice(0, -1)
    const stripped = read(path('a.pcapng')).map((line) => line.replace(/ ?queue_us=\S+/, ''))
    expect(stripped).toEqual(['80\t', '90\tdrop=spoofed', '100\t'])
    expect(read(path('b.pcapng')).map((line) => line.replace(/ ?queue_us=\S+/, ''))).toEqual([
      '80\tdrop=vlan',
      '100\tdrop=vlan',
    ])
    expect((await framesOf(path('a.pcapng'))).map(({ data }) => data)).toEqual(
      sent.map((each) => Buffer.from(each)),
    )
  })

  it('replays what it captured: the same bytes in the same order', async () => {
    const sent = Array.from({ length: 200 }, (_, number) => broadcast(1, 60 + ((number * 37) % 1400)))
    write(path('first.pcapng'), sent)
    const runs = ['first', 'second', 'third']
    for (const [run, next] of [runs.slice(0, 2), runs.slice(1)]) {
      const running = await capture(
        'a',
        path(`${next}.pcapng`),
        '--filter',
        `inbound and ${OURS}`,
        '--count',
        '200',
      )
      expect((await ask('replay', path(`${run}.pcapng`), 'a').ended).code).toBe(0)
      expect((await running.ended).code).toBe(0)
    }
    const [first, second, third] = await Promise.all(runs.map((run) => framesOf(path(`${run}.pcapng`))))
    for (const frames of [second, third])
      expect(frames?.map(({ data }) => data)).toEqual(first?.map(({ data }) => data))
  })

  it('captures at a mirror port what the mirrored port sends, and replays out of a port', async () => {
    const sent = [broadcast(1, 70), broadcast(1, 71)]
    write(path('mirrored.pcapng'), sent)
    const mirror = await capture('m', path('m.pcapng'), '--filter', OURS, '--count', '2')
    const out = await capture('c', path('c.pcapng'), '--filter', `outbound and ${OURS}`, '--count', '4')
    expect((await ask('replay', path('mirrored.pcapng'), 'a', '--top-speed').ended).code).toBe(0)
    await mirror.ended
    const copies = await framesOf(path('m.pcapng'))
    expect(copies.map(({ data, direction }) => [direction, data])).toEqual(
      sent.map((each) => ['egress', Buffer.from(each)]),
    )
    expect((await ask('replay', '--to', path('m.pcapng'), 'c').ended).stdout).toContain(
      '2 frames replayed to port c',
    )
    await out.ended
    expect((await framesOf(path('c.pcapng'))).map(({ data }) => data)).toEqual(
      [...sent, ...sent].map((each) => Buffer.from(each)),
    )
  })

  it('ends in order at Ctrl-C and when the port goes, with a whole file', async () => {
    write(path('two.pcapng'), [broadcast(1, 64), broadcast(1, 65)])
    const interrupted = await capture('a', path('i.pcapng'), '--filter', OURS)
    const removed = await capture('c', path('r.pcapng'), '--filter', OURS)
    expect((await ask('replay', path('two.pcapng'), 'a').ended).code).toBe(0)
    await until('both frames are in the file', async () => (await framesOf(path('i.pcapng'))).length >= 2)
    interrupted.kill('SIGINT')
    expect(await interrupted.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('2 frames captured'),
    })
    expect((await ask('port', 'del', 'c').ended).code).toBe(0)
    const { code, stderr } = await removed.ended
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('port c was removed') })
    expect(spawnSync('capinfos', [path('i.pcapng'), path('r.pcapng')]).status).toBe(0)
  })

  it('pipes into tshark, refuses a terminal, and says in a line what is wrong', async () => {
    const begun = path('begun.pcapng')
    const pipe = spawnSync(
      'sh',
      [
        '-c',
        `'${process.execPath}' '${MAIN}' capture a --control '${up.control}' --count 1 --filter '${OURS}' | tee '${begun}' | tshark -r - -T fields -e frame.len & until [ -s '${begun}' ]; do sleep 0.1; done; '${process.execPath}' '${MAIN}' replay '${path('two.pcapng')}' a --control '${up.control}'; wait`,
      ],
      { encoding: 'utf8' },
    )
    expect(pipe.stdout).toContain('64')
    const line = async (...args: string[]): Promise<string> => (await ask(...args).ended).stderr
    expect(await line('capture', 'zz', '-w', path('no'))).toBe('ringferry: port zz: there is no such port\n')
    expect(await line('capture', 'a', '--filter', 'prt 5')).toMatch(
      /^ringferry: filter, character 1: "prt"[^\n]+\n$/,
    )
    expect(await line('replay', MAIN, 'a')).toMatch(/this is no capture file[^\n]+\n$/)
    expect(await line('replay', path('two.pcapng'), 'zz')).toContain('port zz: there is no such port')
    expect(await line('replay', '--to', '--from', path('two.pcapng'), 'a')).toContain('give --from or --to')
    const terminal = spawnSync('script', ['-qec', `'${process.execPath}' '${MAIN}' capture a`, '/dev/null'], {
      encoding: 'utf8',
    })
    expect(terminal.stdout).toContain('pcapng is no text for a terminal')
  })
})
