/** Who used how much of the processors: VMs, the whole machine. */
import { readFileSync } from 'node:fs'
import { allProcesses, networkNamespace, type ProcessStat } from '../guest/processes.js'

const TICKS_PER_SECOND = 100
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
