/**
 * Programs of the application workloads in VMs (app-programs/), servers and clients. They speak the protocol of
 * guest-programs/orders.ts: ready, then the order to begin, then one result.
 *
 *     prepare   server starts, client starts, both say ready      Node's slow start in an emulated guest is over
 *     run       the client gets its order and loads; a server that ends meanwhile fails the run
 *     close     both end, their folders go
 *
 * A program runs where the build put it when the VM sees the host's files, else from a copy in the VM's /tmp.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import { quote } from '../guest/process-guest.js'
import type { BackgroundCommand } from '../guest/spec.js'
import { needNode } from './program.js'
import { commandFailed, finish } from './server.js'
import type { LoadWindow, PreparedWorkload, WorkloadResult } from './workload.js'

export type AppProgramName =
  | 'streaming-server'
  | 'streaming-client'
  | 'file-server'
  | 'file-client'
  | 'migration-source'
  | 'migration-target'

const READY_TIMEOUT_MS = 90_000
/** Beyond the window, until the result is there. */
const RESULT_GRACE_MS = 60_000

/** The folder of the built workloads: beside this file, or in dist/ when the sources run. */
function builtFolder(): string {
  const beside = fileURLToPath(new URL('.', import.meta.url))
  if (existsSync(join(beside, 'app-programs/file-server.js'))) return beside
  const built = fileURLToPath(new URL('../../../dist/lab/workload/', import.meta.url))
  if (existsSync(join(built, 'app-programs/file-server.js'))) return built
  throw new RingferryError('NOT_FOUND', `${built}app-programs is missing; run "npm run build"`)
}

/** A built module and all it imports by relative paths, as paths from the same folder; itself first. */
export function programModules(entry: string, read: (path: string) => string): string[] {
  const paths = [entry]
  for (const path of paths)
    for (const [, imported = ''] of read(path).matchAll(
      /^(?:import|export) [^'"]*from ['"](\.{1,2}\/[^'"]+\.js)['"]/gm,
    )) {
      const target = posix.join(posix.dirname(path), imported)
      if (!paths.includes(target)) paths.push(target)
    }
  return paths
}

/** The path inside the VM from which a program runs; copies it into `folder` when the VM does not see the build. */
async function install(vm: BedVm, folder: string, entry: string): Promise<string> {
  const built = builtFolder()
  const path = join(built, entry)
  const size = statSync(path).size
  const seen = await vm.guest.run(`[ "$(wc -c <${quote(path)})" -eq ${size} ]`)
  if (seen.code === 0) return path
  const read = (module: string): string => readFileSync(join(built, module), 'utf8')
  const modules = programModules(entry, read)
  const folders = [...new Set(modules.map((module) => `${folder}/${dirname(module)}`))]
  await vm.guest.run(`mkdir -p ${folders.join(' ')}`)
  for (const module of modules) await vm.guest.putFile(`${folder}/${module}`, Buffer.from(read(module)))
  await vm.guest.putFile(`${folder}/package.json`, Buffer.from('{"type":"module"}'))
  return `${folder}/${entry}`
}

/** A program of an application workload in a VM. */
export class AppProgram {
  readonly #vm: BedVm
  readonly #folder: string
  readonly #command: string
  readonly #running: BackgroundCommand
  readonly #ready: Promise<void>
  /** Rejects when the program ends, with what it printed last. Never resolves. */
  readonly failed: Promise<never>
  #result = ''

  private constructor(vm: BedVm, folder: string, command: string) {
    this.#vm = vm
    this.#folder = folder
    this.#command = command
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
      throw commandFailed(vm, command, { ...result, stdout: '' })
    })
    this.#ready = Promise.race([said, this.failed])
    for (const promise of [this.failed, this.#ready]) promise.catch(() => {})
  }

  /**
   * Starts a program and waits until it is ready. Throws UNSUPPORTED (no Node in this kind of VM), NOT_FOUND (not
   * built), GUEST; nothing is left after an error.
   * @param slot of the workload's site
   * @param settings of the program, see its source; `folder` is added: a private one inside the VM
   */
  static async start(vm: BedVm, slot: number, name: AppProgramName, settings: object): Promise<AppProgram> {
    needNode(`the program ${name}`, vm)
    const folder = `/tmp/rf-lab-${process.pid}-${vm.name}-${slot}-${name}`
    const node = quote(process.execPath)
    let program: AppProgram | undefined
    try {
      const made = await vm.guest.run(
        `rm -rf ${folder}; mkdir -p ${folder} && mkfifo ${folder}/orders && { [ -x ${node} ] || { echo "Node is not at ${process.execPath}" >&2; exit 1; }; }`,
      )
      if (made.code !== 0) throw commandFailed(vm, `preparing ${name}`, made)
      const path = await install(vm, folder, `app-programs/${name}.js`)
      const argument = quote(JSON.stringify({ ...settings, folder }))
      program = new AppProgram(vm, folder, `${node} ${quote(path)} ${argument}`)
      await program.#untilReady(name)
      return program
    } catch (error) {
      if (program) await program.stop()
      else await vm.guest.run(`rm -rf ${folder}`).catch(() => {})
      throw error
    }
  }

  async #untilReady(name: AppProgramName): Promise<void> {
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
   * Gives the order to begin and waits for the result; once in a program's life. The type is the caller's promise.
   * Throws GUEST (also when `server` ends meanwhile), INTERRUPTED on the window's signal.
   */
  async measure<Report>(window: LoadWindow, server: AppProgram): Promise<Report> {
    const { warmUpS, measureS, signal } = window
    const limitMs = (warmUpS + measureS) * 1000 + RESULT_GRACE_MS
    const done = new AbortController()
    const late = setTimeout(() => done.abort(), limitMs)
    const order = quote(JSON.stringify({ warmUpS, measureS }))
    try {
      signal.throwIfAborted()
      const told = await this.#vm.guest.run(`echo ${order} >${this.#folder}/orders`)
      if (told.code !== 0) throw commandFailed(this.#vm, 'the order to begin', told)
      const finished = finish(this.#vm, this.#command, this.#running, AbortSignal.any([signal, done.signal]))
      finished.catch(() => {})
      await Promise.race([finished, server.failed])
    } catch (error) {
      const vm = `VM ${this.#vm.name}`
      if (signal.aborted)
        throw new RingferryError('INTERRUPTED', `${vm}: "${this.#command}" was called off`, { cause: error })
      if (!done.signal.aborted) throw error
      const message = `${vm}: "${this.#command}" had no result after ${limitMs / 1000} s`
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

export interface AppPair {
  readonly slot: number
  readonly server: { readonly vm: BedVm; readonly name: AppProgramName; readonly settings: object }
  readonly client: { readonly vm: BedVm; readonly name: AppProgramName; readonly settings: object }
}

/** A workload of a server and a client that is measured. Throws as `AppProgram.start`; nothing is left then. */
export async function preparePair<Report>(
  pair: AppPair,
  resultOf: (report: Report, window: LoadWindow) => WorkloadResult,
): Promise<PreparedWorkload> {
  const { slot } = pair
  needNode(`the program ${pair.client.name}`, pair.client.vm)
  const server = await AppProgram.start(pair.server.vm, slot, pair.server.name, pair.server.settings)
  let client: AppProgram
  try {
    client = await AppProgram.start(pair.client.vm, slot, pair.client.name, pair.client.settings)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    run: async (window) => resultOf(await client.measure<Report>(window, server), window),
    close: async () => {
      await client.stop()
      await server.stop()
    },
  }
}

/** The address of a VM's first NIC. Throws CONFIG when it has none. */
export function firstAddress(vm: BedVm): string {
  const address = vm.addresses[0]
  if (address === undefined) throw new RingferryError('CONFIG', `VM ${vm.name} has no NIC with an address`)
  return address
}
