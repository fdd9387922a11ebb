/** Who used how much of the processors: threads of this process, VMs, the whole machine. */
import { readdirSync, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { allProcesses, networkNamespace, type ProcessStat, parseStat } from '../guest/processes.js'

const TICKS_PER_SECOND = 100
const NS_PER_S = 1e9
const TASKS = '/proc/self/task'

/** Processor seconds of a thread of this process so far; undefined when it has ended. */
export function threadSeconds(tid: string): number | undefined {
  try {
    // In nanoseconds; stat counts in hundredths of a second.
    const [runNs] = readFileSync(`${TASKS}/${tid}/schedstat`, 'utf8').split(' ')
    if (Number(runNs) > 0) return Number(runNs) / NS_PER_S
  } catch {
    // A kernel without scheduler statistics, or no such thread: stat tells which.
  }
  try {
    const stat = parseStat(readFileSync(`${TASKS}/${tid}/stat`, 'utf8'))
    return stat?.cpuSeconds
  } catch {
    return undefined
  }
}

/** The processor time of some threads, also after they have ended. */
export class ThreadMeter {
  readonly #last = new Map<string, number>()

  constructor(tids: readonly string[]) {
    for (const tid of tids) this.#last.set(tid, 0)
  }

  /** Seconds so far. A thread that has ended counts as when it was last read. */
  seconds(): number {
    let sum = 0
    for (const [tid, last] of this.#last) {
      // An id may be given out again to a thread that has used less.
      const now = Math.max(last, threadSeconds(tid) ?? last)
      this.#last.set(tid, now)
      sum += now
    }
    return sum
  }
}

let turn: Promise<unknown> = Promise.resolve()

/**
 * Does something that starts a thread, and meters the threads that appeared meanwhile. Starts are done one
 * after the other in this process; Node's pool of helpers is filled before, so that only the new worker appears.
 */
export async function meterThreads<T>(
  start: () => Promise<T>,
): Promise<{ readonly value: T; readonly meter: ThreadMeter }> {
  const mine = turn.then(async () => {
    await stat('/')
    const before = new Set(readdirSync(TASKS))
    const value = await start()
    const fresh = readdirSync(TASKS).filter((tid) => !before.has(tid))
    return { value, meter: new ThreadMeter(fresh) }
  })
  turn = mine.catch(() => {})
  return mine
}

/** All processes at one time, for many VMs at once: /proc is read once. */
export class ProcessTable {
  readonly #stats: readonly ProcessStat[]
  #places: Map<number, string | undefined> | undefined

  constructor(stats: readonly ProcessStat[] = allProcesses()) {
    this.#stats = stats
  }

  /** Seconds of the processes of a session, their reaped children included. */
  sessionSeconds(session: number): number {
    return this.#sum((stat) => stat.session === session)
  }

  /**
   * Seconds of the processes in a network namespace. One that ends leaves the namespace before it is reaped: it
   * counts with its parent.
   */
  namespaceSeconds(namespace: string): number {
    this.#places ??= new Map(this.#stats.map(({ pid }) => [pid, networkNamespace(pid)]))
    const places = this.#places
    return this.#sum(({ pid, parent }) => (places.get(pid) ?? places.get(parent)) === namespace)
  }

  #sum(belongs: (stat: ProcessStat) => boolean): number {
    return this.#stats.reduce((sum, stat) => (belongs(stat) ? sum + stat.cpuSeconds : sum), 0)
  }
}

/**
 * Busy and stolen seconds of all processors since boot. Time of guests of this host (KVM) is in "user" already.
 * @param text of /proc/stat. Source: proc(5): user nice system idle iowait irq softirq steal
 */
export function parseMachineSeconds(text: string): { readonly busyS: number; readonly stealS: number } {
  const fields = (text.split('\n')[0] ?? '').trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields
  return {
    busyS: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    stealS: steal / TICKS_PER_SECOND,
  }
}

/** The machine now; see parseMachineSeconds. */
export function machineSeconds(): { readonly busyS: number; readonly stealS: number } {
  return parseMachineSeconds(readFileSync('/proc/stat', 'utf8'))
}
