// Real TCP under rate limits: iperf3 between two namespaces on TAPs of one switch, every kind of limit, both
// directions, one and eight streams, with and without a round trip of 20 ms (netem on the sender's and receiver's
// side). What is shown is the receiver's share of the limit after the first second, which a burst may fill.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isEnding, runBench, sleep, undoLater } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, save, table } from './lib/report.mjs'

const options = readOptions('limits', 'TCP under rate limits, between namespaces on TAPs (root)', {
  rtts: { default: '0,20', help: 'round trips in milliseconds' },
  streams: { default: '1,8', help: 'numbers of streams' },
})
const seconds = Number(options.seconds ?? (options.quick ? 3 : 6))
const rtts = numbers(options.rtts)
const streams = numbers(options.streams)
const RATE_KIB = 12_500
const RATE_MBPS = (RATE_KIB * 1024 * 8) / 1e6
const FRAMES = 8000
/** Payload of a full segment with timestamps: what is asked for in frames, as TCP sees it. */
const FRAMES_MBPS = (FRAMES * 1448 * 8) / 1e6
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const PORT = 5201

/** @type {[name: string, limit: object, askedMbps: number][]} */
const ALL_LIMITS = [
  ['average', { averageKiB: RATE_KIB, burstKiB: 1250 }, RATE_MBPS],
  ['average and peak', { averageKiB: RATE_KIB, peakKiB: RATE_KIB }, RATE_MBPS],
  ['burst 64 KiB', { averageKiB: RATE_KIB, burstKiB: 64 }, RATE_MBPS],
  ['burst 100 ms', { averageKiB: RATE_KIB, burstKiB: 1250 }, RATE_MBPS],
  ['frames per second', { framesPerSecond: FRAMES }, FRAMES_MBPS],
]
const LIMITS = ALL_LIMITS.filter(([name]) => name !== 'average' || !options.quick)

const run = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** A switch with two TAPs, the first with the limit, each in a namespace of its own. */
async function startBed(direction, limit) {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-bench-'))
  const config = join(folder, 'config.yaml')
  const taps = [0, 1].map((side) => `rfl${process.pid % 10_000}${side}`)
  const limited = direction === 'fromVm' ? 0 : 1
  const ports = taps.map((device, side) => ({
    ...{ kind: 'tap', name: device, device },
    ...(side === limited ? { [direction]: limit } : {}),
  }))
  writeFileSync(config, JSON.stringify({ ports }))
  const child = spawn(process.execPath, [MAIN, 'up', '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.resume()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const undo = [
    undoLater(async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    }),
  ]
  await new Promise((resolve) => child.stdout.once('data', resolve))
  for (const [side, tap] of taps.entries()) {
    run('ip', 'netns', 'add', tap)
    undo.push(undoLater(() => run('ip', 'netns', 'del', tap)))
    run('ip', 'link', 'set', tap, 'netns', tap)
    run('ip', '-n', tap, 'link', 'set', 'lo', 'up')
    run('ip', '-n', tap, 'addr', 'add', `10.97.0.${side + 1}/24`, 'dev', tap)
    run('ip', '-n', tap, 'link', 'set', tap, 'up')
  }
  return {
    taps,
    async stop() {
      for (const each of undo.reverse()) await each()
    },
  }
}

/** Delays what a namespace sends. Returns whether the kernel can (CONFIG_NET_SCH_NETEM). */
function delay(tap, ms) {
  try {
    if (ms > 0)
      run(
        'tc',
        '-n',
        tap,
        'qdisc',
        'replace',
        'dev',
        tap,
        'root',
        'netem',
        'delay',
        `${ms}ms`,
        'limit',
        '20000',
      )
    else if (run('tc', '-n', tap, 'qdisc', 'show', 'dev', tap).includes('netem'))
      run('tc', '-n', tap, 'qdisc', 'del', 'dev', tap, 'root')
    return true
  } catch {
    return false
  }
}

/**
 * The receiver's rate in Mb/s after the first second.
 * @param {string[]} ends sender and receiver
 * @param {number} count streams
 * @param {number} rttMs
 */
async function measure([from, to], count, rttMs) {
  for (const tap of [from, to]) delay(tap, rttMs / 2)
  const server = spawn('ip', ['netns', 'exec', to, 'iperf3', '-s', '-1', '-p', String(PORT)], {
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  const undo = undoLater(() => server.kill('SIGKILL'))
  await sleep(400)
  const client = spawn(
    'ip',
    [
      'netns',
      'exec',
      from,
      'iperf3',
      '-c',
      '10.97.0.2',
      '-p',
      String(PORT),
      '-t',
      String(seconds),
      '-O',
      '1',
      '-P',
      String(count),
      '-J',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  client.stdout.on('data', (part) => {
    text += part
  })
  await new Promise((resolve) => client.once('exit', resolve))
  await ended
  await undo()
  return JSON.parse(text).end.sum_received.bits_per_second / 1e6
}

await runBench(async () => {
  const machine = header('TCP under rate limits', { seconds })
  const runs = []
  const skipped = new Set()
  for (const [name, limit, asked] of LIMITS)
    for (const direction of ['fromVm', 'toVm']) {
      if (isEnding()) return
      const bed = await startBed(direction, limit)
      const possible = rtts.filter((rttMs) => delay(bed.taps[0], rttMs))
      for (const rttMs of rtts) if (!possible.includes(rttMs)) skipped.add(rttMs)
      for (const rttMs of possible)
        for (const count of streams) {
          progress(`${name}, ${direction}, ${count} streams, ${rttMs} ms`)
          const mbps = await measure(bed.taps, count, rttMs)
          runs.push({ limit: name, direction, streams: count, rttMs, mbps, asked, share: mbps / asked })
        }
      await bed.stop()
    }
  progressEnd()
  table(
    ['limit', 'direction', 'streams', 'round trip ms', 'asked Mb/s', 'got Mb/s', 'share'],
    runs.map((row) => [
      row.limit,
      row.direction,
      String(row.streams),
      String(row.rttMs),
      row.asked.toFixed(1),
      row.mbps.toFixed(1),
      `${Math.round(row.share * 100)} %`,
    ]),
  )
  for (const rttMs of skipped)
    console.log(`skipped: a round trip of ${rttMs} ms, because this kernel has no netem`)
  save(options.json, { bench: 'limits', machine, settings: { seconds }, runs })
})
