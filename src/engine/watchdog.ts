/**
 * Finds from another thread whether the engine's thread is held in a system call. Nothing there may wait but its sleep;
 * a peer that owns one end of a descriptor can still arrange it. A signal then makes the call return EINTR, and the
 * engine finds by it whose descriptor it was.
 */
import { readFileSync } from 'node:fs'
import { EngineSigns } from '../core/globals.js'
import { returnCode } from '../sys/fault-handler-code.js'
import { installHandler, SIGURG, signalThread } from '../sys/signal-handler.js'

/** A thread that is held is found at the second check and freed before 100 ms have passed. */
const CHECK_MS = 25

let isInstalled = false

function installOnce(): void {
  if (isInstalled) return
  isInstalled = true
  const code = returnCode(process.arch)
  if (code) installHandler(SIGURG, code)
}

/** Whether a thread of this process waits in the kernel: not when it computes, or would if others let it. */
function waits(thread: number): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
    return /^[SD]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

export class Watchdog {
  readonly #signs: EngineSigns
  readonly #thread: number
  readonly #timer: NodeJS.Timeout
  /** The engine's clock at the last check, when it was awake then. */
  #seen: bigint | undefined

  /** @param memory the engine's linear memory; @param thread the kernel's number of its thread */
  constructor(memory: SharedArrayBuffer, thread: number) {
    installOnce()
    this.#signs = new EngineSigns(memory)
    this.#thread = thread
    this.#timer = setInterval(() => this.#check(), CHECK_MS)
    this.#timer.unref()
  }

  #check(): void {
    const clock = this.#signs.isAsleep ? undefined : this.#signs.clock
    if (clock !== undefined && clock === this.#seen && waits(this.#thread)) signalThread(this.#thread, SIGURG)
    this.#seen = clock
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
