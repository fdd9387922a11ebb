/**
 * Threads of the idle class (SCHED_IDLE), one to a processor: whoever else wants the processor has it at once. While they
 * are on they spin, so that their processor does not sleep and wakes others without delay; while they are off they wait in
 * the kernel. They are not threads of Node: they run a few instructions of machine code (idle-thread-code.ts), take a
 * stack of 128 KB that is hardly touched, and hold no lock while nobody lets them run.
 */
import koffi from 'koffi'
import { RingferryError } from '../errors/errors.js'
import { CPU_SET_BYTES } from './affinity.js'
import { executable } from './executable.js'
import { END, idleThreadCode } from './idle-thread-code.js'
import { libc, syscallError } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const NAME = 'rf-awake'
const SCHED_OTHER = 0
const SCHED_IDLE = 5
const STACK_BYTES = 128 * 1024
const SIG_SETMASK = 2
const SYS_FUTEX = process.arch === 'arm64' ? 98 : 202
const FUTEX_WAKE_PRIVATE = 129
const ALL = 0x7fffffff
/** How long ended threads are waited for, and how often they are asked. */
const END_LIMIT_MS = 500
const END_POLL_MS = 1

// Places in the native memory: the word on a cache line of its own, then room for the arguments of calls.
const ATTRIBUTES = 64
const SCRATCH = 256
const MASK = 512
const OLD_MASK = 768

function load() {
  // Node has them all; in which library they lie depends on the age of glibc.
  const lib = koffi.load(null as unknown as string)
  return {
    attr_init: lib.func('int pthread_attr_init(uintptr_t attr)'),
    attr_setstacksize: lib.func('int pthread_attr_setstacksize(uintptr_t attr, size_t bytes)'),
    attr_destroy: lib.func('int pthread_attr_destroy(uintptr_t attr)'),
    create: lib.func('int pthread_create(uintptr_t thread, uintptr_t attr, uintptr_t start, uintptr_t arg)'),
    sigmask: lib.func('int pthread_sigmask(int how, uintptr_t set, uintptr_t old)'),
    setaffinity: lib.func('int pthread_setaffinity_np(uintptr_t thread, size_t size, uintptr_t set)'),
    setschedparam: lib.func('int pthread_setschedparam(uintptr_t thread, int policy, uintptr_t param)'),
    setname: lib.func('int pthread_setname_np(uintptr_t thread, const char *name)'),
    getcpuclockid: lib.func('int pthread_getcpuclockid(uintptr_t thread, uintptr_t clock)'),
    tryjoin: lib.func('int pthread_tryjoin_np(uintptr_t thread, uintptr_t value)'),
    detach: lib.func('int pthread_detach(uintptr_t thread)'),
  } as const
}

/** Functions of the C library and the code of the threads: loaded when the first threads start. */
let loaded: { readonly pthread: ReturnType<typeof load>; readonly start: number } | undefined

function loadOnce() {
  if (loaded) return loaded
  const code = idleThreadCode(process.arch)
  if (!code)
    throw new RingferryError(
      'UNSUPPORTED',
      `processors are not kept awake on ${process.arch}: no code for it`,
    )
  loaded = { pthread: load(), start: executable(code, 'the code of idle threads') }
  return loaded
}

/** POSIX threads return their errors. */
function must(result: number, what: string): void {
  if (result !== 0) throw syscallError(result, what)
}

export class IdleThreads {
  readonly cpus: readonly number[]
  readonly #pthread: ReturnType<typeof load>
  readonly #memory = new NativeBuffer(1024)
  readonly #word = new Int32Array(this.#memory.bytes.buffer, 0, 1)
  readonly #threads: number[] = []
  readonly #clocks: number[] = []
  #isOn = false
  #sequence = 0
  #lastUs = 0

  /** Starts them, off. Throws UNSUPPORTED, PERMISSION, SYSCALL, and leaves no thread behind then. */
  constructor(cpus: readonly number[]) {
    this.cpus = cpus
    const { pthread, start } = loadOnce()
    this.#pthread = pthread
    const { address, bytes } = this.#memory
    const attributes = address + ATTRIBUTES
    bytes.fill(0xff, MASK, MASK + CPU_SET_BYTES)
    let failure: unknown
    // They are born with the mask of their maker: signals of the process are for others.
    pthread.sigmask(SIG_SETMASK, address + MASK, address + OLD_MASK)
    pthread.attr_init(attributes)
    try {
      pthread.attr_setstacksize(attributes, STACK_BYTES)
      for (const cpu of cpus) this.#start(start, cpu)
    } catch (error) {
      failure = error
    }
    pthread.attr_destroy(attributes)
    pthread.sigmask(SIG_SETMASK, address + OLD_MASK, 0)
    if (failure === undefined) return
    // Not before: it may free the memory that the calls above use.
    void this.close()
    throw failure
  }

  #start(code: number, cpu: number): void {
    const { address, bytes, data } = this.#memory
    const scratch = address + SCRATCH
    must(this.#pthread.create(scratch, address + ATTRIBUTES, code, address), 'starting an idle thread')
    const thread = Number(data.getBigUint64(SCRATCH, true))
    this.#threads.push(thread)
    this.#pthread.setname(thread, NAME)
    data.setInt32(SCRATCH, 0, true)
    must(this.#pthread.setschedparam(thread, SCHED_IDLE, scratch), 'giving a thread the idle class')
    bytes.fill(0, SCRATCH, SCRATCH + CPU_SET_BYTES)
    bytes[SCRATCH + (cpu >> 3)] = 1 << (cpu & 7)
    must(
      this.#pthread.setaffinity(thread, CPU_SET_BYTES, scratch),
      `binding an idle thread to processor ${cpu}`,
    )
    must(this.#pthread.getcpuclockid(thread, scratch), 'finding the clock of an idle thread')
    this.#clocks.push(data.getInt32(SCRATCH, true))
  }

  #set(value: number): void {
    Atomics.store(this.#word, 0, value)
    libc.syscall(SYS_FUTEX, this.#memory.address, FUTEX_WAKE_PRIVATE, ALL, 0)
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** They spin from now on, for one slice: whoever keeps them on says so again every some ten milliseconds. */
  on(): void {
    this.#isOn = true
    this.#sequence = (this.#sequence + 2) & 0x7ffffffe
    this.#set(this.#sequence | 1)
  }

  off(): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.#set(this.#sequence)
  }

  /** Processor time that they have used so far, in microseconds. */
  burntUs(): number {
    if (this.#threads.length === 0) return this.#lastUs
    const { address, data } = this.#memory
    let sum = 0
    for (const clock of this.#clocks) {
      if (libc.clock_gettime(clock, address + SCRATCH) !== 0) return this.#lastUs
      sum += Number(data.getBigInt64(SCRATCH, true)) * 1e6
      sum += Number(data.getBigInt64(SCRATCH + 8, true)) / 1e3
    }
    this.#lastUs = sum
    return sum
  }

  /**
   * Ends them. Where others have the processors all the time they may not come to their end for a while; they are left to
   * it then.
   */
  async close(): Promise<void> {
    this.burntUs()
    const threads = this.#threads.splice(0)
    if (threads.length === 0) return
    const { address } = this.#memory
    this.#isOn = false
    this.#memory.data.setInt32(SCRATCH, 0, true)
    // With the right to, their end need not wait for an idle processor.
    for (const thread of threads) this.#pthread.setschedparam(thread, SCHED_OTHER, address + SCRATCH)
    this.#set(END)
    const until = performance.now() + END_LIMIT_MS
    let left = threads
    for (;;) {
      left = left.filter((thread) => this.#pthread.tryjoin(thread, 0) !== 0)
      if (left.length === 0 || performance.now() > until) break
      await new Promise((resolve) => setTimeout(resolve, END_POLL_MS))
    }
    // Their word must stay for those that have not read it yet.
    if (left.length === 0) this.#memory.free()
    else for (const thread of left) this.#pthread.detach(thread)
  }
}
