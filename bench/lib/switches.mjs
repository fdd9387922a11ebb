// The switches under test, each a process of its own that can be paused (SIGSTOP) while another one runs.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonOf, sleep, undoLater } from './cleanup.mjs'
import { processSeconds } from './cpu.mjs'
import { pinThread } from './pin.mjs'

const START_MS = 30_000

/**
 * Waits until something is there. Throws when its process ends before, or it takes too long.
 * @param {string} what
 * @param {() => boolean} isThere
 * @param {import('node:child_process').ChildProcess} child
 */
export async function waitFor(what, isThere, child) {
  const until = performance.now() + START_MS
  while (!isThere()) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${what} ended with ${child.exitCode ?? child.signalCode}`)
    if (performance.now() > until) throw new Error(`${what} did not start within ${START_MS / 1000} s`)
    await sleep(50)
  }
}

function signal(child, name) {
  if (child.exitCode === null && child.signalCode === null) child.kill(name)
}

/** A child process that is killed at the end, with its folder removed. */
export function manage(name, child, folder) {
  const ended = new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', resolve)
  })
  const stop = undoLater(async () => {
    signal(child, 'SIGKILL')
    await ended
    if (folder) rmSync(folder, { recursive: true, force: true })
  })
  return {
    name,
    child,
    pid: child.pid,
    pause: () => signal(child, 'SIGSTOP'),
    resume: () => signal(child, 'SIGCONT'),
    cpuSeconds: () => processSeconds(child.pid),
    stop,
  }
}

/**
 * A command that leaves a processor to the thread that is measured there, if there is another one; this thread, too.
 * @param {number | undefined} cpu
 * @param {string} command
 * @param {string[]} args
 * @returns {[command: string, args: string[]]}
 */
function leaveCpu(cpu, command, args) {
  const other = cpus().findIndex((_, index) => index !== cpu)
  if (cpu === undefined || other < 0) return [command, args]
  pinThread(other)
  return ['taskset', ['-c', String(other), command, ...args]]
}

const NAMES = { to: 'egress_frames', bytes: 'egress_bytes' }

/**
 * Ringferry with vifs on sockets of their own, its engine's thread bound to a processor.
 * @param {{ cpu?: number, vifs?: number | object[], options?: object, awake?: number, name?: string }} setup processor, how
 *   many vifs or their settings, options of the engine, share that may be burnt to keep processors awake, name for tables
 */
export async function startRingferry({ cpu, vifs = 2, options = {}, awake = 0, name = 'ringferry' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-bench-'))
  const settings = typeof vifs === 'number' ? Array.from({ length: vifs }, () => ({})) : vifs
  const ports = settings.map((more, index) => ({
    ...{ kind: 'vif', name: `g${index}`, socket: join(folder, String(index)) },
    ...more,
  }))
  const script = fileURLToPath(new URL('./ringferry-switch.mjs', import.meta.url))
  // Benches run longer than an address lives, and their receivers are silent.
  const setup = JSON.stringify({ ports, options: { ageingS: 86_400, ...options }, cpu, awake })
  const [command, args] = leaveCpu(cpu, process.execPath, [script, setup])
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const waiting = new Map()
  let nextId = 1
  let isUp = false
  child.on('message', (/** @type {any} */ { id, value }) => {
    if (id === 0) isUp = true
    waiting.get(id)?.(value)
    waiting.delete(id)
  })
  const managed = manage(name, child, folder)
  await waitFor('ringferry', () => isUp, child)
  const ask = (request) =>
    new Promise((resolve, reject) => {
      const id = nextId++
      waiting.set(id, resolve)
      child.send({ id, ...request }, (error) => error && reject(error))
    })
  const snapshot = () => ask({ method: 'snapshot' })
  return {
    ...managed,
    sockets: ports.map(({ socket }) => socket),
    /** Counters, delays and service time of all ports at one time. */
    snapshot,
    configure: (change) => ask({ method: 'configure', change }),
    setTarget: (port, target) => ask({ method: 'target', name: port, target }),
    decisions: () => ask({ method: 'decisions' }),
    status: () => ask({ method: 'status' }),
    /** Frames and bytes delivered to all ports so far, and when that was read (ms). */
    async delivered() {
      const { atMs, ports: all } = await snapshot()
      const sum = (counter) => Object.values(all).reduce((total, { counts }) => total + counts[counter], 0)
      return { atMs, frames: sum(NAMES.to), bytes: sum(NAMES.bytes) }
    },
  }
}

/** What testpmd prints for a port by "show port stats all", summed over all ports. */
export function parsePortStats(text) {
  const sum = (name) =>
    [...text.matchAll(new RegExp(`${name}:\\s+(\\d+)`, 'g'))].reduce(
      (total, match) => total + Number(match[1]),
      0,
    )
  return {
    rxFrames: sum('RX-packets'),
    txFrames: sum('TX-packets'),
    rxBytes: sum('RX-bytes'),
    txBytes: sum('TX-bytes'),
  }
}

/**
 * A testpmd process with its prompt: `stats()` reads its counters.
 * @param {string} name
 * @param {number} cpu
 * @param {{ vdevs: string[], forward: string, more?: string[], folder?: string, isThere: () => boolean }} how
 */
async function startTestpmdProcess(name, cpu, { vdevs, forward, more = [], folder, isThere }) {
  const args = [
    ...['--no-huge', '-m', '512', '--lcores', `0@${cpu},1@${cpu}`, '--no-pci', '--no-telemetry'],
    `--file-prefix=rf${process.pid}-${name}`,
    ...vdevs.flatMap((vdev) => ['--vdev', vdev]),
    ...['--', '-i', `--forward-mode=${forward}`, '--no-mlockall', '--total-num-mbufs=65536', '--nb-cores=1'],
    ...more,
  ]
  // Line by line: its tables would wait in a buffer behind the prompt.
  const child = spawn('stdbuf', ['-oL', 'dpdk-testpmd', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-65_536)
    })
  // What a link does is told behind the prompt.
  const prompted = (from = 0) => output.lastIndexOf('testpmd>') >= from
  const managed = manage(name, child, folder)
  try {
    await waitFor('dpdk-testpmd', () => isThere() && prompted(), child)
  } catch (error) {
    throw new Error(`${reasonOf(error)}: ${output.trim().split('\n').slice(-3).join(' | ')}`)
  }
  const command = async (line) => {
    output = ''
    child.stdin.write(`${line}\n`)
    await waitFor(
      `dpdk-testpmd "${line}"`,
      () => output.includes(line) && prompted(output.indexOf(line)),
      child,
    )
    return output
  }
  return {
    ...managed,
    command,
    async stats() {
      const text = await command('show port stats all')
      return { atMs: performance.now(), ...parsePortStats(text) }
    },
  }
}

/** DPDK's testpmd with two vhost ports that it forwards to each other without looking (mode io). */
export async function startTestpmd({ cpu }) {
  const folder = mkdtempSync(join(tmpdir(), 'testpmd-bench-'))
  const sockets = [join(folder, '0'), join(folder, '1')]
  const made = await startTestpmdProcess('testpmd', cpu, {
    vdevs: sockets.map((socket, index) => `net_vhost${index},iface=${socket}`),
    forward: 'io',
    more: ['--auto-start'],
    folder,
    isThere: () => sockets.every(existsSync),
  })
  return {
    ...made,
    sockets,
    async delivered() {
      const { atMs, txFrames, txBytes } = await made.stats()
      return { atMs, frames: txFrames, bytes: txBytes }
    },
  }
}

/** testpmd as a client of a switch: a NIC on each of two sockets, both sending and receiving (mode flowgen). */
export async function startFlowgen({ cpu, sockets, bytes, name }) {
  const client = await startTestpmdProcess(`flowgen-${name}`, cpu, {
    vdevs: sockets.map((socket, index) => `net_virtio_user${index},path=${socket}`),
    forward: 'flowgen',
    // It takes the checksum at the end of a frame into its length.
    more: [`--txpkts=${bytes + 4}`],
    isThere: () => true,
  })
  await client.command('start')
  return client
}

/** Lets one switch run, all others stopped. */
export function only(switches, target) {
  for (const each of switches) (each === target ? each.resume : each.pause)()
}
