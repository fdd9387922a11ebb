import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { socketFolder, until } from './network.js'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/** How a namespace is attached to a switch's TAP. */
interface Plug {
  readonly host: string
  readonly device: string
  readonly guest: string
  readonly address: string
  readonly mac: string
}

/** A switch that runs on a host. */
export interface HostSwitch {
  /** Has it read its configuration file again. */
  reload(text: string): void
  readonly output: () => string
}

/**
 * Network namespaces as hosts and as guests of theirs, with what runs in them. Names are short: the prefix tells those of
 * this process from others.
 */
export class Hosts {
  readonly folder = socketFolder()
  readonly #prefix = `rf${process.pid}-`
  readonly #names: string[] = []
  readonly #children: ChildProcess[] = []

  /** Makes hosts h1 and h2 with 10.90.0.1 and .2 on a wire between them, and guests. */
  static async pair(...guests: readonly string[]): Promise<Hosts> {
    const hosts = new Hosts()
    for (const name of ['h1', 'h2', ...guests]) await hosts.#add(name)
    await run('ip', [
      '-n',
      hosts.name('h1'),
      'link',
      'add',
      'wire',
      'type',
      'veth',
      'peer',
      'name',
      'wire',
      'netns',
      hosts.name('h2'),
    ])
    // What a kernel's tunnel leaves to the NIC is done by its sender here: a veth passes it on as it is.
    for (const [index, name] of ['h1', 'h2'].entries())
      await hosts.run(
        name,
        `ip addr add 10.90.0.${index + 1}/24 dev wire; ethtool -K wire tx off; ip link set wire up`,
      )
    return hosts
  }

  /** The name that `ip netns` knows a host or guest by. */
  name(host: string): string {
    return `${this.#prefix}${host}`
  }

  async #add(name: string): Promise<void> {
    await run('ip', ['netns', 'add', this.name(name)])
    this.#names.push(name)
    await this.run(name, 'ip link set lo up')
  }

  /** Runs shell commands on a host or in a guest. Returns what they print; throws when the last of them fails. */
  async run(host: string, commands: string): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.name(host), 'sh', '-c', commands])
    return stdout
  }

  /** Starts a program that runs until the end of the test. */
  start(host: string, program: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name(host), program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    return child
  }

  /** Starts a switch with a configuration file of this text. */
  switch(host: string, text: string): HostSwitch {
    const file = `${this.folder}/${host}.yaml`
    writeFileSync(file, text)
    const child = this.start(host, process.execPath, [
      ...[program, 'up', '--json', '--config', file],
      ...['--control', `${this.folder}/${host}.sock`],
    ])
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => {
        output = (output + data.toString()).slice(-20_000)
      })
    return {
      output: () => output,
      reload: (changed) => {
        writeFileSync(file, changed)
        child.kill('SIGHUP')
      },
    }
  }

  /** Waits until a host has a device. */
  async device(host: string, device: string): Promise<void> {
    await until(`device ${device} on ${host}`, () =>
      this.run(host, `ip link show ${device}`).catch(() => false),
    )
  }

  /** Moves a switch's TAP into a guest, which gets its address there and says so (gratuitous ARP). */
  async plug({ host, device, guest, address, mac }: Plug): Promise<void> {
    await this.device(host, device)
    await this.run(host, `ip link set ${device} netns ${this.name(guest)}`)
    await this.run(
      guest,
      `ip link set ${device} address ${mac} mtu 1450 && ip addr add ${address}/24 dev ${device} && ip link set ${device} up &&
      busybox arping -q -U -c 1 -I ${device} ${address} || true`,
    )
  }

  /** Waits until one guest answers another. */
  async reach(guest: string, address: string): Promise<void> {
    const ping = `busybox ping -c 1 -W 1 ${address}`
    await until(`${guest} reaches ${address}`, () => this.run(guest, ping).catch(() => false), 20_000)
  }

  /** TCP from one guest to another. Returns the bytes that arrived. @param options of iperf3's client */
  async tcp(from: string, to: string, address: string, options: string): Promise<number> {
    const server = this.start(to, 'iperf3', ['-s', '-1'])
    await until('iperf3 listens', async () =>
      (await this.run(to, 'cat /proc/net/tcp /proc/net/tcp6')).includes(':1451 '),
    )
    const report = JSON.parse(await this.run(from, `iperf3 -J -c ${address} ${options}`)) as {
      end: { sum_received: { bytes: number } }
    }
    if (server.exitCode === null) await once(server, 'exit')
    return report.end.sum_received.bytes
  }

  /** Ends what was started and removes the namespaces. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGTERM')
        await once(child, 'exit')
      }),
    )
    for (const name of this.#names) await run('ip', ['netns', 'del', this.name(name)])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
