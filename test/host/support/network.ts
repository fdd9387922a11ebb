import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DropName, PortCounters } from '../../../src/core/counters.js'
import { Switch } from '../../../src/engine/switch.js'
import type { SwitchEvent, SwitchOptions } from '../../../src/engine/switch-types.js'
import { cleanUp } from '../../../src/lab/guest/guest.js'
import { installedKernels } from '../../../src/lab/guest/kernel.js'
import { QEMU_PROGRAM } from '../../../src/lab/guest/qemu.js'
import { findInstalled, findTool } from '../../../src/lab/guest/tools.js'
import type { StreamConfig, TapConfig, VifConfig } from '../../../src/port/config.js'
import { EVENT_LIMIT_MS } from '../../support/step-until.js'

/** Drops that a switch under load may count. Any other reason says that a frame was broken or misjudged. */
const LOAD_DROPS: ReadonlySet<DropName> = new Set(['ring_full', 'no_link', 'host_error', 'detached'])

/** What a test file needs; each is missing with the words that are printed. */
const NEEDS = {
  uml: () => findTool('linux.uml') !== undefined || 'linux.uml is missing; apt-get install user-mode-linux',
  qemu: () =>
    (findTool(QEMU_PROGRAM) !== undefined && installedKernels().length > 0) ||
    'QEMU or its kernel is missing; apt-get install qemu-system-x86 linux-image-cloud-amd64 busybox-static',
  iperf3: () => findTool('iperf3') !== undefined || 'iperf3 is missing; apt-get install iperf3',
  tap: () =>
    (process.getuid?.() === 0 && existsSync('/dev/net/tun') && findInstalled('ip') !== undefined) ||
    'a TAP in a namespace needs root, /dev/net/tun and the ip command',
} as const

/** Whether all that is needed is there; prints why not. */
export function able(...needs: (keyof typeof NEEDS)[]): boolean {
  const reasons = needs.map((need) => NEEDS[need]()).filter((found) => typeof found === 'string')
  for (const reason of reasons) console.log(`skipped: ${reason}`)
  return reasons.length === 0
}

/** Waits for what another thread or process does. Throws after the time with the words given. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = EVENT_LIMIT_MS,
): Promise<T> {
  const end = Date.now() + timeoutMs
  while (Date.now() < end) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${what}: it did not happen within ${timeoutMs / 1000} s`)
}

/** A folder for sockets, removed at the end. */
export function socketFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rft-'))
}

/** A switch in this process with a folder of sockets. `stop` ends all guests first. */
export class Network {
  readonly folder = socketFolder()
  readonly events: SwitchEvent[] = []
  readonly switch: Switch

  private constructor(running: Switch) {
    this.switch = running
    running.subscribe((event) => this.events.push(event))
  }

  static async start(options: SwitchOptions = {}): Promise<Network> {
    return new Network(await Switch.start(options))
  }

  socket(name: string): string {
    return join(this.folder, `${name}.sock`)
  }

  /** Adds a vhost-user port. Returns the path of its socket. */
  async vif(name: string, more: Partial<VifConfig> = {}): Promise<string> {
    const socket = this.socket(name)
    await this.switch.addPort({ ...more, kind: 'vif', name, socket })
    return socket
  }

  async stream(name: string, more: Partial<StreamConfig> = {}): Promise<string> {
    const socket = this.socket(name)
    await this.switch.addPort({ ...more, kind: 'stream', name, socket })
    return socket
  }

  async tap(name: string, device: string, more: Partial<TapConfig> = {}): Promise<void> {
    await this.switch.addPort({ ...more, kind: 'tap', name, device })
  }

  counters(name: string): PortCounters {
    return this.switch.counters(name)
  }

  /** Drops of all ports that load does not explain, as "port: reason n". */
  brokenFrames(): string[] {
    return this.switch.status().flatMap(({ name }) =>
      Object.entries(this.counters(name).drops)
        .filter(([reason]) => !LOAD_DROPS.has(reason as DropName))
        .map(([reason, count]) => `${name}: ${reason} ${count}`),
    )
  }

  /** What happened at a port, in order. */
  history(name: string): string[] {
    return this.events.filter(({ port }) => port.name === name).map(({ event }) => event)
  }

  /** Waits until a port is up again (or in another state). */
  async untilState(name: string, state: string): Promise<void> {
    await until(`port ${name} ${state}`, () =>
      this.switch.status().some((port) => port.name === name && port.state === state),
    )
  }

  /** Ends the guests and the switch. Throws when a socket is left. */
  async stop(): Promise<void> {
    await cleanUp()
    await this.switch.stop()
    const left = readdirSync(this.folder)
    rmSync(this.folder, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`the switch left ${left.join(', ')} behind`)
  }
}
