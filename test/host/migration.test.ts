/** A VM moves from one host to another, joined by VXLAN, while it talks to a third. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { Hosts } from './support/hosts.js'
import { able, until } from './support/network.js'
import { Qmp } from './support/qmp.js'
import { must } from './support/traffic.js'

const MB = 1 << 20
const VM = '10.91.0.1'
const PEER = '10.91.0.9'
const ECHO_PORT = 5300
/** Sent in all, and at least after the VM has moved. */
const ECHO_BYTES = 20 * MB
const AFTER_BYTES = MB
/** Echoed before it moves. */
const BEFORE_BYTES = MB / 4
const CHUNK_BYTES = 64 * 1024
/** A VM whose memory changes faster than it is copied would never move. */
const IPERF_MBPS = 20
const PAUSE_MS = 4
/** Nothing comes for so long only if it never will: an emulated VM on a busy machine is slow. */
const WAIT_MS = 150_000

/** Sends random bytes through a program and takes what comes back, until it is told to end. */
class Echo {
  readonly #child: ChildProcess
  readonly #sent = createHash('sha256')
  readonly #received = createHash('sha256')
  sentBytes = 0
  receivedBytes = 0
  #isEnding = false

  constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdin, child.stdout]) stream?.on('error', () => {})
    child.stdout?.on('data', (data: Buffer) => {
      this.#received.update(data)
      this.receivedBytes += data.length
    })
  }

  async run(): Promise<void> {
    const { stdin } = this.#child
    while (!this.#isEnding && stdin?.writable) {
      const data = randomBytes(CHUNK_BYTES)
      this.#sent.update(data)
      this.sentBytes += data.length
      stdin.write(data)
      do await setTimeout(PAUSE_MS)
      while (stdin.writableNeedDrain && stdin.writable)
    }
  }

  /** Waits for the rest. Returns checksums and sizes of both ways. */
  async end() {
    this.#isEnding = true
    const exit = once(this.#child, 'close')
    this.#child.stdin?.end()
    await exit
    return {
      sent: { bytes: this.sentBytes, sha256: this.#sent.digest('hex') },
      received: { bytes: this.receivedBytes, sha256: this.#received.digest('hex') },
    }
  }
}

/** Starts QEMU as another was started, for its VM to come. */
function startTarget(source: Guest, replace: (argument: string) => string, uri: string): ChildProcess {
  const [program = '', ...args] = readFileSync(`/proc/${source.pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  return spawn(program, [...args.map(replace), '-incoming', uri], { stdio: ['pipe', 'ignore', 'inherit'] })
}

describe.runIf(able('qemu', 'iperf3', 'tap'))('a VM that moves to another host', () => {
  const children: ChildProcess[] = []
  const monitors: Qmp[] = []
  let hosts: Hosts | undefined
  afterEach(async () => {
    for (const monitor of monitors.splice(0)) {
      await monitor.run('quit').catch(() => {})
      monitor.close()
    }
    await cleanUp()
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await hosts?.stop()
    hosts = undefined
  })

  it('keeps its connections, and not a byte differs', async () => {
    hosts = await Hosts.pair('peer')
    const { folder } = hosts
    const socket = (host: string): string => `${folder}/${host}-vm.sock`
    const config = (index: 1 | 2): string => `ports:
  - {kind: vif, name: vm, socket: ${socket(`h${index}`)}}
  - {kind: vxlan, name: fabric, local: 10.90.0.${index}, vni: 100, peers: [10.90.0.${3 - index}]}
${index === 2 ? '  - {kind: tap, name: peer, device: rfpeer}\n' : ''}`
    const switches = [hosts.switch('h1', config(1)), hosts.switch('h2', config(2))] as const
    await hosts.plug({ host: 'h2', device: 'rfpeer', guest: 'peer', address: PEER, mac: '02:00:00:00:91:09' })
    await until('the socket of the VM', () =>
      hosts?.run('h1', `test -S ${socket('h1')} && echo yes`).catch(() => false),
    )

    const monitor = (host: string): string => `${folder}/${host}-qmp.sock`
    const vm = await bootGuest({
      ...{ name: 'mover', kind: 'qemu', memoryMb: 160 },
      nics: [{ transport: { type: 'vhost-user', path: socket('h1') }, address: `${VM}/24`, mtu: 1450 }],
      extraArguments: ['-qmp', `unix:${monitor('h1')},server=on,wait=off`],
    })
    const peer = hosts.name('peer')
    const inPeer = (program: string, ...args: string[]): ChildProcess => {
      const child = spawn('ip', ['netns', 'exec', peer, program, ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      children.push(child)
      return child
    }
    const echoServer = inPeer('busybox', 'nc', '-l', '-p', String(ECHO_PORT))
    const listens = async (port: number): Promise<boolean> => {
      const hex = port.toString(16).toUpperCase()
      return (await hosts?.run('peer', 'cat /proc/net/tcp /proc/net/tcp6'))?.includes(`:${hex} `) ?? false
    }
    await until('the peer listens', () => listens(ECHO_PORT))
    // What these print ends with the first host: nobody waits for them.
    vm.start(`exec busybox nc ${PEER} ${ECHO_PORT} -e cat`).done.catch(() => {})
    vm.start('exec iperf3 -s').done.catch(() => {})
    await must(vm, 'until grep -qs ":1451 .* 0A " /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done')
    const iperf = inPeer('iperf3', '-J', '-c', VM, '-t', '3600', '-b', `${IPERF_MBPS}M`)
    let report = ''
    iperf.stdout?.on('data', (data: Buffer) => {
      report += data.toString()
    })
    const echo = new Echo(echoServer)
    const running = echo.run()
    await until('the VM answers', () => echo.receivedBytes > BEFORE_BYTES, WAIT_MS)

    const uri = `unix:${folder}/move.sock`
    children.push(
      startTarget(
        vm,
        (argument) =>
          argument
            .replace(socket('h1'), socket('h2'))
            .replace(monitor('h1'), monitor('h2'))
            .replace(/^file:.*/, `file:${folder}/console`),
        uri,
      ),
    )
    const [source, target] = [await Qmp.connect(monitor('h1')), await Qmp.connect(monitor('h2'))]
    monitors.push(source, target)
    await source.run('migrate-set-parameters', { 'max-bandwidth': 2 ** 33, 'downtime-limit': 2000 })
    await source.migrate(uri)
    await source.run('quit').catch(() => {})
    await target.runs()

    const atMove = echo.receivedBytes
    const isEnough = (): boolean => echo.receivedBytes - atMove > AFTER_BYTES && echo.sentBytes > ECHO_BYTES
    while (!isEnough()) {
      const before = echo.receivedBytes
      await until('the connection goes on', () => isEnough() || echo.receivedBytes > before, WAIT_MS)
    }
    const { sent, received } = await echo.end()
    await running
    expect(received).toEqual(sent)
    iperf.kill('SIGINT')
    await once(iperf, 'close')
    const { intervals, error } = JSON.parse(report) as {
      error: string
      intervals: { sum: { bytes: number } }[]
    }
    expect(error).toMatch(/interrupt/)
    expect(intervals.length).toBeGreaterThan(1)
    for (const { output } of switches) expect(output()).not.toMatch(/"event":"error"/)
  }, 600_000)
})
