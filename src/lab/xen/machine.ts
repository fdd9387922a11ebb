import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from '../guest/agent.js'
import {
  makeWorkFolder,
  onExit,
  removeWorkFolder,
  settles,
  spawnChild,
  watchSession,
} from '../guest/child.js'
import { killAll, sessionProcesses, totalCpuSeconds } from '../guest/processes.js'
import { findTool } from '../guest/tools.js'
import { dom0Image, guestImage } from './images.js'
import { xenRoot } from './packages.js'

/** The program that emulates the machine. */
export const QEMU = 'qemu-system-x86_64'
const BOOT_MS = 120_000
const POWER_OFF_MS = 8_000
const COMMAND_MS = 60_000
const PANIC = /Hardware Dom0 crashed|Kernel panic/
const PANIC_POLL_MS = 500
/** Channels for guests' consoles beside the driver domain's own. */
const CHANNELS = 2
/** A virtio-serial port of an emulated machine may sleep although it has room; what comes in wakes it. */
const NUDGE_MS = 500
const DOM0_WORDS = 'console=hvc0 quiet panic=-1 net.ifnames=0 mitigations=off'
/** QEMU 7.2 does not get far with the first three; wide registers would be saved at every switch of domains. */
const CPU = 'max,-smap,-smep,-rdtscp,-avx,-mpx,-pku'
/**
 * `eager-fpu` is what keeps programs from crashing: QEMU's XSAVE and XRSTOR do not look at CR0.TS (target/i386/tcg/translate.c),
 * so a Xen that switches registers lazily is not told when a domain saves or loads them, and domains find each other's.
 */
const SPECULATION_WORDS = 'xpti=false spec-ctrl=no,eager-fpu pv-l1tf=false'
const XEN_WORDS = `console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M dom0_max_vcpus=1 noreboot ${SPECULATION_WORDS}`

/** What of a machine its user chooses. */
export interface XenMachineOptions {
  /** Emulated processors; the driver domain has one virtual one, whatever their number. */
  readonly cpus?: number
  /**
   * One emulated instruction takes 2^shift ns of the machine's time, however long it takes the host: what else the host does
   * disturbs no measurement. With one processor only. Left out: the host's time.
   */
  readonly icountShift?: number | undefined
  /** Gives the machine up while it boots; afterwards stop() does. */
  readonly signal?: AbortSignal
}

/** A machine with Xen, its first domain up and the toolstack running. Each processor of it takes one of the host's. */
export class XenMachine {
  readonly #child: ChildProcess
  readonly #agent: Agent
  readonly #work: string
  readonly #forget: () => void
  /** Logs of the hypervisor, the toolstack and the guests' consoles. */
  readonly results: string
  #ended = false
  #booted = false
  readonly #end: Promise<void>

  private constructor(child: ChildProcess, agent: Agent, work: string, results: string) {
    this.#child = child
    this.#agent = agent
    this.#work = work
    this.results = results
    this.#forget = onExit(() => this.#kill())
    if (child.pid) watchSession(work, child.pid)
    this.#end = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#ended = true
        agent.close(`was cut off: QEMU ended (${signal ?? `exit code ${code}`})`)
        resolve()
      })
    })
  }

  /**
   * Boots. Throws with the last lines of the console when the machine does not come up; nothing of it runs then.
   * @param results where logs go; what is there of an earlier run is removed
   */
  static async boot(
    results: string,
    { cpus = 1, icountShift, signal }: XenMachineOptions = {},
  ): Promise<XenMachine> {
    const qemu = findTool(QEMU)
    if (!qemu)
      throw new RingferryError('NOT_FOUND', `${QEMU} is not installed; run "apt-get install qemu-system-x86"`)
    const root = await xenRoot()
    rmSync(results, { recursive: true, force: true })
    mkdirSync(results, { recursive: true })
    const work = makeWorkFolder('xen')
    const dom0 = dom0Image()
    const guest = guestImage()
    const write = (name: string, content: Uint8Array): string => {
      const path = join(work, name)
      writeFileSync(path, content)
      return path
    }
    const xen = write('xen', gunzipSync(readFileSync(join(root, 'boot/xen-4.17-amd64.gz'))))
    const dom0Archive = write('dom0.gz', dom0.initramfs)
    // Found by the driver domain in the results' folder: its /tmp is its own.
    writeFileSync(join(results, 'guest.gz'), guest.initramfs)
    writeFileSync(join(results, 'guest-kernel'), readFileSync(guest.kernel.image))
    const child = spawnChild(
      qemu.path,
      [
        ...['-machine', 'pc', '-cpu', CPU],
        ...(icountShift === undefined
          ? ['-accel', 'tcg,thread=multi']
          : ['-accel', 'tcg', '-icount', `shift=${icountShift}`]),
        ...['-smp', `${cpus}`, '-m', '2560', '-nodefaults', '-display', 'none', '-no-reboot', '-name', 'xen'],
        ...[
          '-kernel',
          xen,
          '-append',
          XEN_WORDS,
          '-initrd',
          `${dom0.kernel.image} ${DOM0_WORDS},${dom0Archive}`,
        ],
        ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
        ...['-virtfs', `local,path=${root},mount_tag=xen,security_model=none,readonly=on`],
        ...['-virtfs', `local,path=${results},mount_tag=results,security_model=none,multidevs=remap`],
        ...['-serial', `file:${join(results, 'console.log')}`, '-device', 'virtio-serial-pci'],
        ...['-chardev', 'stdio,id=agent,signal=off', '-device', 'virtserialport,chardev=agent,name=agent'],
        ...Array.from({ length: CHANNELS }, (_, index) => [
          ...['-chardev', `socket,id=channel${index},path=${channelPath(work, index)},server=on,wait=off`],
          ...['-device', `virtserialport,chardev=channel${index},name=channel${index}`],
        ]).flat(),
      ],
      { stdio: ['pipe', 'pipe', 'pipe'], deathSignal: 'KILL' },
    )
    const errors: string[] = []
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
    const stream = { readable: child.stdout as Duplex, writable: child.stdin as Duplex }
    const agent = new Agent('dom0', stream, () => {}, NUDGE_MS)
    const machine = new XenMachine(child, agent, work, results)
    agent.ready.then(() => {
      machine.#booted = true
    })
    const giveUp = (): void => machine.#kill()
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
    const inTime = await settles(Promise.race([agent.ready, machine.#end, machine.#panic()]), BOOT_MS)
    signal?.removeEventListener('abort', giveUp)
    if (inTime && !machine.#ended && !machine.#hasPanicked()) return machine
    await machine.stop()
    const reason = inTime
      ? 'Xen or its first domain ended'
      : `Xen and its first domain were not up within ${BOOT_MS / 1000} s`
    throw new RingferryError(
      'GUEST',
      `${reason}; last words: ${[...errors, machine.lastWords()].join(' | ')}`,
    )
  }

  #hasPanicked(): boolean {
    const path = join(this.results, 'console.log')
    return existsSync(path) && PANIC.test(readFileSync(path, 'utf8'))
  }

  /** Settles when a kernel has given up: QEMU goes on then. */
  async #panic(): Promise<void> {
    while (!this.#ended && !this.#booted && !this.#hasPanicked()) await setTimeout(PANIC_POLL_MS)
  }

  /** The end of what hypervisor and first domain printed. */
  lastWords(lines = 8): string {
    const path = join(this.results, 'console.log')
    if (!existsSync(path)) return ''
    return readFileSync(path, 'utf8').trimEnd().split(/\r?\n/).slice(-lines).join(' | ')
  }

  /** Runs a command in the driver domain; throws with its output when it fails. Returns its standard output. */
  async must(command: string, timeoutMs = COMMAND_MS): Promise<string> {
    const { code, stdout, stderr } = await this.#agent.run(command, { timeoutMs })
    if (code === 0) return stdout
    const words = (stderr.trim() || stdout.trim()).replaceAll('\n', ' | ')
    throw new RingferryError('GUEST', `dom0: "${command}" failed (exit code ${code}): ${words}`)
  }

  get alive(): boolean {
    return !this.#ended
  }

  /** Settles when the machine has ended, for whatever reason. Never rejects. */
  get ended(): Promise<void> {
    return this.#end
  }

  /** Processor seconds of the host that the emulation has used so far. */
  cpuSeconds(): number {
    return totalCpuSeconds(sessionProcesses(this.#child.pid ?? -1))
  }

  /** The driver domain's agent: commands that may fail, and those that go on. */
  get agent(): Agent {
    return this.#agent
  }

  /** A connection to a channel that the driver domain sees as /run/channelINDEX. */
  async channel(index: number): Promise<Socket> {
    const socket = createConnection(channelPath(this.#work, index))
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return socket
  }

  #kill(): void {
    const pid = this.#child.pid
    if (pid) killAll(sessionProcesses(pid).filter((stat) => stat.state !== 'Z'))
  }

  async stop(): Promise<void> {
    if (!this.#ended) {
      this.#agent.powerOff()
      if (!(await settles(this.#end, POWER_OFF_MS))) this.#kill()
      await Promise.race([this.#end, setTimeout(POWER_OFF_MS)])
    }
    this.#forget()
    removeWorkFolder(this.#work)
  }
}

function channelPath(work: string, index: number): string {
  return join(work, `channel${index}`)
}
