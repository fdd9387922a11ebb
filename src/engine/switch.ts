/**
 * A switch: an engine in a thread of its own, seen from the control thread. Requests are promises; what
 * happens by itself (a guest attaches, a guest is detached) comes as events; counters are read from the
 * shared memory at any time, without asking the engine.
 *
 * Longer than 350 lines because all that may be asked of an engine is here, in methods of a few lines each.
 */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { AWAKE_DEFAULT } from '../control/awake.js'
import { type PromiseReading, readPromises } from '../control/promise-reading.js'
import { checkAwake, readTuning, type SwitchTuneChange } from '../control/tuning.js'
import { TuningReader } from '../control/tuning-reader.js'
import { type PortCounters, readCounters } from '../core/counters.js'
import { type PortDelays, readDelays } from '../core/delays.js'
import { type FdbEntry, type FdbFilter, readFdb } from '../core/fdb.js'
import { waitingFrames } from '../core/waiting.js'
import { RingferryError } from '../errors/errors.js'
import type { PortChange } from '../port/change.js'
import type { PortConfig } from '../port/config.js'
import { ownSocket } from '../port/own-socket.js'
import type { PortStatus } from '../port/port.js'
import { builtFile } from '../sys/built-file.js'
import { createEventfd, signalEventfd } from '../sys/eventfd.js'
import { ThreadTime } from '../sys/thread-time.js'
import { closeFd } from '../sys/unix-socket.js'
import type { Capture, CaptureOptions } from './capture.js'
import { CaptureFeeds } from './capture-feeds.js'
import { Decider } from './decider.js'
import type { InjectedFrame, InjectionWay } from './injection.js'
import { KeepAwake } from './keep-awake.js'
import { promisedPorts } from './promised-ports.js'
import { Requests } from './requests.js'
import {
  type EngineThreadData,
  type FromEngine,
  type PlacedPort,
  type SwitchRequest,
  unpackError,
} from './switch-messages.js'
import type { SwitchEvent, SwitchOptions, SwitchTuning } from './switch-types.js'
import { Watchdog } from './watchdog.js'

export type { SwitchEvent, SwitchOptions, SwitchTuning } from './switch-types.js'

const STOP_LIMIT_MS = 5_000
const DRAIN_LIMIT_MS = 1_000
/** Between two looks at what waits still. */
const DRAIN_STEP_MS = 5
/** An engine that is held by the kernel even then is left to itself. */
const TERMINATE_LIMIT_MS = 500

/** A running switch. Made by `Switch.start`, or with its ports by `startSwitch`; ended by stop(). */
export class Switch {
  readonly #worker: Worker
  readonly #channel: MessagePort
  readonly #wakeFd: number
  readonly #requests = new Requests()
  readonly #listeners = new Set<(event: SwitchEvent) => void>()
  readonly #exited: Promise<void>
  readonly #failed: Promise<never>
  #fail: (error: Error) => void = () => {}
  /** What is read of the engine without asking it: its linear memory and its controller's log. */
  #memory: BigUint64Array = new BigUint64Array(0)
  #tuning: TuningReader | undefined
  #watchdog: Watchdog | undefined
  #decider: Decider | undefined
  readonly #captures = new CaptureFeeds({
    memory: () => this.#memory.buffer,
    open: (port, snapBytes) => this.#ask({ method: 'openCapture', port, snapBytes }),
    close: (ring) => this.#ask({ method: 'closeCapture', ring }),
  })
  #keepAwake: KeepAwake | undefined
  #awakeEnded: Promise<void> | undefined
  readonly #awakeShare: number
  #time: ThreadTime | undefined
  /** What the ports are made from, by name. */
  readonly #configs = new Map<string, PortConfig>()
  #ports: readonly PlacedPort[] = []
  #freeBytes = 0
  #version = 0
  #isDrained = false
  #failure: Error | undefined
  #stopping = false
  #onReady: () => void = () => {}

  private constructor(options: SwitchOptions) {
    const { cpu, awake = AWAKE_DEFAULT, ...engine } = options
    this.#awakeShare = awake
    const { port1, port2 } = new MessageChannel()
    this.#channel = port1
    this.#wakeFd = createEventfd()
    const place = cpu === undefined ? {} : { cpu }
    const data: EngineThreadData = { wakeFd: this.#wakeFd, options: engine, ...place }
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.#failed.catch(() => {})
    this.#worker = new Worker(builtFile('engine/engine-worker.js'), {
      workerData: { ...data, port: port2 },
      transferList: [port2],
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#watchdog?.stop()
        void this.#keepAwake?.close()
        void this.#decider?.close()
        void this.#captures.end('the switch has ended')
        // What the thread posted last may still wait here; it comes before the verdict.
        setImmediate(() => {
          if (!this.#stopping) this.#end(new Error(`the engine's thread ended by itself (code ${code})`))
          this.#requests.rejectAll(new RingferryError('UNSUPPORTED', 'the switch was stopped'))
          this.#channel.close()
          closeFd(this.#wakeFd)
          resolve()
        })
      })
    })
    this.#worker.on('error', (error) => this.#end(error as Error))
    this.#channel.on('message', (message: FromEngine) => this.#take(message))
  }

  /** Starts an engine without ports. Throws UNSUPPORTED or USAGE when the options do not fit the machine. */
  static async start(options: SwitchOptions = {}): Promise<Switch> {
    if (options.awake !== undefined) checkAwake(options.awake)
    const made = new Switch(options)
    const ready = new Promise<void>((resolve) => {
      made.#onReady = resolve
    })
    try {
      await Promise.race([ready, made.#failed])
    } catch (error) {
      await made.#exited
      throw error
    }
    return made
  }

  #end(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#requests.rejectAll(error)
    this.#fail(error)
  }

  #take(message: FromEngine): void {
    switch (message.type) {
      case 'ready':
        this.#memory = new BigUint64Array(message.memory)
        this.#tuning = new TuningReader(message.tuning)
        this.#watchdog = new Watchdog(message.memory, message.thread)
        this.#time = new ThreadTime(message.thread)
        this.#decider = new Decider(message)
        this.#decider.startFor(this.#tuning)
        this.#keepAwake = new KeepAwake(message.memory, () => this.#ports.map(({ row }) => row))
        this.#keepAwake.share = this.#awakeShare
        this.#onReady()
        return
      case 'done':
        this.#ports = message.ports
        this.#freeBytes = message.freeBytes
        this.#requests.settle(message)
        return
      case 'refused':
        this.#requests.settle(message)
        return
      case 'event':
        this.#ports = this.#ports.map((placed) =>
          placed.status.name === message.port.name ? { row: placed.row, status: message.port } : placed,
        )
        this.#version++
        for (const listener of this.#listeners) listener(message)
        return
      case 'died':
        this.#end(unpackError(message.error))
    }
  }

  /** Resolves with the number that the request comes to, if it does. */
  #ask(request: SwitchRequest): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#stopping && request.method !== 'stop')
      return Promise.reject(new RingferryError('UNSUPPORTED', 'the switch was stopped'))
    return this.#requests.ask(request, (message) => {
      this.#channel.postMessage(message)
      signalEventfd(this.#wakeFd)
    })
  }

  /** Opens a port. Rejects with the RingferryError that says why it cannot be; nothing is left behind then. */
  async addPort(config: PortConfig): Promise<PortStatus> {
    await this.apply([{ change: 'add', config }])
    return this.#port(config.name).status
  }

  /** Closes a port and removes its socket. Rejects with NOT_FOUND. */
  async removePort(name: string): Promise<void> {
    await this.apply([{ change: 'remove', name }])
  }

  /**
   * Changes the running switch: ports come, go, and get other settings, between two bursts, and no frame of other ports
   * is lost. All of it is done, or nothing: rejects with the RingferryError that says what cannot be. Whoever is attached
   * to a port whose settings change (`set`) stays attached; batches that are held, frames that wait and tokens of limits
   * that are the same go on, and addresses that the port could not have been heard with any more are forgotten. What makes
   * a port (kind, socket, device, queues) cannot change in an open one: remove it and add it in one list.
   * @returns all ports, after the changes
   */
  async apply(changes: readonly PortChange[]): Promise<readonly PortStatus[]> {
    await this.#ask({ method: 'apply', changes })
    for (const change of changes) if (change.change === 'remove') this.#configs.delete(change.name)
    for (const change of changes)
      if (change.change !== 'remove') this.#configs.set(change.config.name, change.config)
    this.#version++
    return this.status()
  }

  /**
   * Captures what crosses a port, dropped frames included: iterate over it, or have `capturePcapng` make a file. The port's
   * frames take the slow path meanwhile. Rejects with NOT_FOUND, USAGE (a wrong filter), BUSY or UNSUPPORTED.
   */
  capture(port: string, options: CaptureOptions = {}): Promise<Capture> {
    return this.#captures.open(port, options)
  }

  /** Hands frames to a port, a burst at most (MAX_INJECTED_FRAMES, MAX_INJECTED_BYTES). Rejects with NOT_FOUND or USAGE. */
  async inject(port: string, way: InjectionWay, frames: readonly InjectedFrame[]): Promise<void> {
    await this.#ask({ method: 'inject', port, way, frames })
  }

  /**
   * Takes no frame any more: what guests transmit stays in their rings, and host ports are not read. Publishes all that is
   * held, and waits until what waits for buffers, devices or rate limits has left. The switch stays so until resume().
   * @param limitMs how long it waits at most
   * @returns frames that have not left, by port; empty: all have
   */
  async drain(limitMs = DRAIN_LIMIT_MS): Promise<ReadonlyMap<string, number>> {
    const endMs = performance.now() + limitMs
    this.#isDrained = true
    await this.#ask({ method: 'drain' })
    for (;;) {
      const waiting = this.#waiting()
      // Once more: what has left its backlog since may be held.
      await this.#ask({ method: 'drain' })
      if (waiting.size === 0 || performance.now() >= endMs) return waiting
      await sleep(DRAIN_STEP_MS)
    }
  }

  #waiting(): ReadonlyMap<string, number> {
    const counts = this.#ports.map(
      ({ row, status }) => [status.name, waitingFrames(this.#memory, row)] as const,
    )
    return new Map(counts.filter(([, frames]) => frames > 0))
  }

  /** Takes frames again, after drain(). */
  async resume(): Promise<void> {
    await this.#ask({ method: 'resume' })
    this.#isDrained = false
  }

  /** Whether it takes no frame: between drain() and resume(). */
  get isDrained(): boolean {
    return this.#isDrained
  }

  /** Listens for changes of ports. Returns how to stop listening. */
  subscribe(listener: (event: SwitchEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** All ports, as of the last answer or event. */
  status(): readonly PortStatus[] {
    return this.#ports.map(({ status }) => status)
  }

  /** What the ports are made from at present, in the order in which they came. */
  configs(): readonly PortConfig[] {
    return [...this.#configs.values()]
  }

  /** Another one after each change of ports, guests or tuning: what was read before need not be so any more. */
  get version(): number {
    return this.#version
  }

  /**
   * Bytes of the linear memory that are free for ports and guests, as of the last answer. Guests that do not fit are
   * mapped granule by granule.
   */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** All ports, as the engine sees them now. */
  async refresh(): Promise<readonly PortStatus[]> {
    await this.#ask({ method: 'status' })
    return this.status()
  }

  #port(name: string): PlacedPort {
    const port = this.#ports.find(({ status }) => status.name === name)
    if (port) return port
    throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port`)
  }

  /** The counters of a port now. Throws NOT_FOUND. */
  counters(name: string): PortCounters {
    return readCounters(this.#memory, this.#port(name).row)
  }

  /** The delay histograms of a port now. Throws NOT_FOUND. */
  delays(name: string): PortDelays {
    return readDelays(this.#memory, this.#port(name).row)
  }

  /** What a reader makes of the engine's memory now, and of the rows of its ports. */
  read<Result>(reader: (memory: BigUint64Array, rowOf: (name: string) => number) => Result): Result {
    return reader(this.#memory, (name) => this.#port(name).row)
  }

  /** The live addresses and the ports on which they were heard. */
  fdb(): (Omit<FdbEntry, 'port'> & { readonly port: string })[] {
    const names = this.#names
    return readFdb(this.#memory).map((entry) => ({ ...entry, port: names.get(entry.port) ?? '' }))
  }

  /** Forgets live addresses between two bursts; who is still there is learned again. Returns how many. Rejects with NOT_FOUND. */
  async flushFdb(filter: FdbFilter = {}): Promise<number> {
    return await this.#ask({ method: 'flush', filter })
  }

  /** The names of the ports by row, as of the last answer. */
  get #names(): ReadonlyMap<number, string> {
    return new Map(this.#ports.map(({ row, status }) => [row, status.name]))
  }

  /** The tuning now. Like counters, delays and addresses it is read from memory; the engine does not notice. */
  tuning(): SwitchTuning {
    if (!this.#tuning || !this.#keepAwake)
      throw new RingferryError('UNSUPPORTED', 'the switch has not started')
    const names = this.#names
    const tuning = readTuning(this.#memory, this.#tuning, (row) => names.get(row))
    return { ...tuning, awake: this.#keepAwake.tuning }
  }

  /** What verdicts about delay targets are made of, now. Read from memory, like the tuning. */
  promises(): PromiseReading {
    if (!this.#tuning || !this.#time) throw new RingferryError('UNSUPPORTED', 'the switch has not started')
    return readPromises(this.#memory, this.#tuning, promisedPorts(this.#ports), this.#time.waitedUs())
  }

  /** Changes the tuning and tells what it is then. Rejects with NOT_FOUND or USAGE, and changes nothing then. */
  async tune({ awake, ...change }: SwitchTuneChange = {}): Promise<SwitchTuning> {
    if (awake !== undefined) checkAwake(awake)
    if (Object.keys(change).length > 0) await this.#ask({ method: 'tune', change })
    if (this.#tuning) this.#decider?.startFor(this.#tuning)
    if (awake !== undefined && this.#keepAwake && !this.#stopping) this.#keepAwake.share = awake
    this.#version++
    return this.tuning()
  }

  /** Processor seconds that the engine's thread has used; after stop() what it had used by then. */
  cpuSeconds(): number {
    return this.#time?.seconds() ?? 0
  }

  /** Rejects when the engine ends by an error; never settles otherwise. */
  get failed(): Promise<never> {
    return this.#failed
  }

  /**
   * Closes all ports, removes their sockets and ends the thread. A thread that the kernel does not let go is left behind
   * half a second after the limit. May be called again.
   * @param limitMs how long the engine may take for an orderly end
   */
  async stop(limitMs = STOP_LIMIT_MS): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true
      this.cpuSeconds()
      this.#awakeEnded = this.#keepAwake?.close()
      this.#ask({ method: 'stop' }).catch(() => {})
    }
    await Promise.all([this.#awakeEnded, this.#decider?.close()])
    let isHeld = true
    const ended = this.#exited.then(() => {
      isHeld = false
    })
    await Promise.race([ended, sleep(limitMs, undefined, { ref: false })])
    if (!isHeld) return
    void this.#worker.terminate()
    await Promise.race([ended, sleep(TERMINATE_LIMIT_MS)])
    for (const config of this.#configs.values()) {
      const socket = ownSocket(config)
      if (socket !== undefined) rmSync(socket, { force: true })
    }
    if (isHeld) this.#worker.unref()
  }
}
