/**
 * Programs of our own in VMs (programs/), servers and clients: put there, started, told to begin. Protocol:
 * programs/orders.ts.
 *
 *     prepare   server starts, client starts, both say ready      Node's slow start in an emulated guest is over
 *     run       the client gets its order and loads; a server that ends meanwhile fails the run
 *     close     both end, their folders go
 *
 * A program runs where the build put it when the VM sees the host's files, else from a copy in the VM's /tmp.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { quote } from '../../daemon/shell-word.js'
import { RingferryError } from '../../errors/errors.js'
import { builtFile } from '../../sys/built-file.js'
import type { BedVm } from '../bed/bed.js'
import { DISK_NODE } from '../guest/program-disk.js'
import type { BackgroundCommand } from '../guest/spec.js'
import type { Orders } from './programs/orders.js'
import { commandFailed, finish } from './server.js'
import type { LoadWindow, WorkloadSite } from './workload.js'

export type ProgramName =
  | 'asker'
  | 'bulk-receiver'
  | 'bulk-sender'
  | 'datagram-sink'
  | 'datagram-source'
  | 'echo-server'
  | 'file-client'
  | 'file-server'
  | 'hog'
  | 'migration-source'
  | 'migration-target'
  | 'prober'
  | 'streaming-client'
  | 'streaming-server'

/** Node starts slowly in an emulated guest. */
const READY_TIMEOUT_MS = 90_000
/** Beyond the window, until the result is there. */
const RESULT_GRACE_MS = 60_000

/** The folder of the built programs on the host. */
function programFolder(): string {
  return dirname(builtFile('lab/workload/programs/orders.js'))
}

/** Where Node lies in a VM: on the disk of a qemu one, else where the host has it. */
function nodeIn(vm: BedVm): string {
  return vm.kind === 'qemu' ? DISK_NODE : process.execPath
}

/** The file names that a built module and its imports consist of, itself first. */
export function moduleFiles(entry: string, read: (name: string) => string): string[] {
  const names = [entry]
  for (const name of names)
    for (const [, imported = ''] of read(name).matchAll(
      /^(?:import|export) [^'"]*from ['"]\.\/([\w-]+\.js)['"]/gm,
    ))
      if (!names.includes(imported)) names.push(imported)
  return names
}

/** Throws UNSUPPORTED where our programs cannot run: an embedded VM runs no commands. */
export function needNode(workload: string, ...vms: readonly (BedVm | undefined)[]): void {
  for (const vm of vms)
    if (vm?.kind === 'embedded')
      throw new RingferryError(
        'UNSUPPORTED',
        `${workload} needs Node inside VM ${vm.name}, which a VM of kind ${vm.kind} has not; use uml, qemu, netns or host`,
      )
}

/** The other end of a workload. Throws CONFIG when the study names none. */
export function peerOf(workload: string, site: WorkloadSite): BedVm {
  if (site.peer) return site.peer
  throw new RingferryError(
    'CONFIG',
    `workload ${workload} on VM ${site.vm.name} needs a peer; name one in the study`,
  )
}

/** Which VMs see our built programs where they lie: most do, and a command in an emulated guest takes its time. */
const seen = new WeakMap<BedVm['guest'], Promise<boolean>>()

async function look(vm: BedVm, source: string): Promise<boolean> {
  const node = nodeIn(vm)
  const { stdout } = await vm.guest.run(
    `[ -x ${quote(node)} ] && echo node; [ -r ${quote(join(source, 'orders.js'))} ] && echo source; true`,
  )
  if (!stdout.includes('node'))
    throw new RingferryError(
      'NOT_FOUND',
      `VM ${vm.name}: ${node} is not visible inside; install Node in /usr`,
    )
  return stdout.includes('source')
}

function sees(vm: BedVm, source: string): Promise<boolean> {
  const known = seen.get(vm.guest)
  if (known) return known
  const looking = look(vm, source)
  seen.set(vm.guest, looking)
  looking.catch(() => seen.delete(vm.guest))
  return looking
}

/** Copies a program and what it imports into a folder of a VM. */
async function copyProgram(vm: BedVm, name: ProgramName, source: string, folder: string): Promise<void> {
  const read = (file: string): string => readFileSync(join(source, file), 'utf8')
  await vm.guest.putFile(`${folder}/package.json`, Buffer.from('{"type":"module"}'))
  for (const file of moduleFiles(`${name}.js`, read))
    await vm.guest.putFile(`${folder}/${file}`, Buffer.from(bare(read(file))))
}

/** A program of ours that runs in a VM and serves, or waits for its order. */
export class GuestProgram {
  readonly #vm: BedVm
  /** In the VM: the pipe for the order, copied files, what the program writes. */
  readonly #folder: string
  /** As errors name it. */
  readonly #label: string
  readonly #running: BackgroundCommand
  readonly #ready: Promise<void>
  /** Rejects when the program ends, with what it printed last. Never resolves. */
  readonly failed: Promise<never>
  #result = ''

  private constructor(vm: BedVm, folder: string, command: string, label: string) {
    this.#vm = vm
    this.#folder = folder
    this.#label = label
    let ready = (): void => {}
    const said = new Promise<void>((resolve) => {
      ready = resolve
    })
    this.#running = vm.guest.start(`exec ${command} 0<>${folder}/orders`, {
      onStdout: (line) => {
        if (line === '{"ready":true}') ready()
        else this.#result = line
      },
    })
    this.failed = this.#running.done.then((result) => {
      // Standard output is protocol; what went wrong is on the other.
      throw commandFailed(vm, label, { ...result, stdout: '' })
    })
    this.#ready = Promise.race([said, this.failed])
    for (const promise of [this.failed, this.#ready]) promise.catch(() => {})
  }

  /**
   * Starts a program in a VM, put there first if it does not see it; settles when it is ready. Throws UNSUPPORTED (no
   * Node in this kind of VM), NOT_FOUND (not built), GUEST, and leaves nothing then.
   * @param place tells programs of one name in one VM apart: slot, or slot and port
   * @param settings what the program takes, see its source; `folder` is added: a private one inside the VM
   */
  static async start(
    vm: BedVm,
    place: string | number,
    name: ProgramName,
    settings: object,
  ): Promise<GuestProgram> {
    needNode(`the program ${name}`, vm)
    const source = programFolder()
    const folder = `/tmp/rf-lab-${process.pid}-${vm.name}-${place}-${name}`
    const inPlace = await sees(vm, source)
    const file = join(inPlace ? source : folder, `${name}.js`)
    const text = JSON.stringify({ ...settings, folder })
    const prepare = `rm -rf ${folder} && mkdir -p ${folder} && mkfifo ${folder}/orders`
    let program: GuestProgram | undefined
    try {
      const made = await vm.guest.run(prepare)
      if (made.code !== 0) throw commandFailed(vm, prepare, made)
      if (!inPlace) await copyProgram(vm, name, source, folder)
      const command = `${quote(nodeIn(vm))} ${quote(file)} ${quote(text)}`
      program = new GuestProgram(vm, folder, command, `${name} ${text}`)
      await program.#untilReady(name)
      return program
    } catch (error) {
      if (program) await program.stop()
      else await vm.guest.run(`rm -rf ${folder}`).catch(() => {})
      throw error
    }
  }

  async #untilReady(name: ProgramName): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const message = `VM ${this.#vm.name}: ${name} was not ready within ${READY_TIMEOUT_MS / 1000} s`
      timer = setTimeout(() => reject(new RingferryError('GUEST', message)), READY_TIMEOUT_MS)
    })
    try {
      await Promise.race([this.#ready, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Gives the order to begin and waits for the result; once in a program's life. The type is the caller's promise:
   * what each program reports is in its source. Throws GUEST (also when `server` ends meanwhile), INTERRUPTED on the
   * window's signal.
   */
  async measure<Report>(window: LoadWindow, server?: GuestProgram): Promise<Report> {
    const { warmUpS, measureS, signal } = window
    const orders: Orders = { warmUpS, measureS }
    const limitMs = (warmUpS + measureS) * 1000 + RESULT_GRACE_MS
    const done = new AbortController()
    const late = setTimeout(() => done.abort(), limitMs)
    try {
      signal.throwIfAborted()
      const told = await this.#vm.guest.run(`echo ${quote(JSON.stringify(orders))} >${this.#folder}/orders`)
      if (told.code !== 0) throw commandFailed(this.#vm, 'the order to begin', told)
      const finished = finish(this.#vm, this.#label, this.#running, AbortSignal.any([signal, done.signal]))
      finished.catch(() => {})
      await Promise.race(server ? [finished, server.failed] : [finished])
    } catch (error) {
      const vm = `VM ${this.#vm.name}`
      if (signal.aborted)
        throw new RingferryError('INTERRUPTED', `${vm}: "${this.#label}" was called off`, { cause: error })
      if (!done.signal.aborted) throw error
      const message = `${vm}: "${this.#label}" had no result after ${limitMs / 1000} s`
      throw new RingferryError('GUEST', message, { cause: error })
    } finally {
      clearTimeout(late)
    }
    return (JSON.parse(this.#result || '{}') as { result: Report }).result
  }

  /** Ends it and removes its files. Never rejects. */
  async stop(): Promise<void> {
    await this.#running.stop().catch(() => {})
    await this.#vm.guest.run(`rm -rf ${this.#folder}`).catch(() => {})
  }
}

/** A built module without its comments: files travel to a guest in small pieces. */
function bare(source: string): string {
  return source.replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, '').replace(/^\s*\/\/.*\n/gm, '')
}
