import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { bindToCpu } from '../../sys/affinity.js'

/** Clock ticks per second in /proc/PID/stat: 100 on every Linux that Node runs on. Source: proc(5), USER_HZ. */
const TICKS_PER_SECOND = 100

export interface ProcessStat {
  readonly pid: number
  /** One letter, "Z" for a process that has ended and waits to be reaped. */
  readonly state: string
  readonly parent: number
  readonly session: number
  /** User and system time in seconds, its reaped children included. */
  readonly cpuSeconds: number
}

/** Reads the text of /proc/PID/stat; undefined when it is not one. The name may hold blanks and brackets. */
export function parseStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ')
  const pid = Number.parseInt(text, 10)
  if (end < 0 || fields.length < 15 || Number.isNaN(pid)) return undefined
  const field = (number: number) => Number(fields[number - 3])
  return {
    pid,
    state: fields[0] ?? '',
    parent: field(4),
    session: field(6),
    cpuSeconds: (field(14) + field(15) + field(16) + field(17)) / TICKS_PER_SECOND,
  }
}

/** One process; undefined when there is none of this id. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/** All processes that this one may see. */
export function allProcesses(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processStat(Number(name)))
    .filter((stat) => stat !== undefined)
}

/** The processes of a session (all that a guest's first process started), ended ones not yet reaped included. */
export function sessionProcesses(session: number): ProcessStat[] {
  return allProcesses().filter((stat) => stat.session === session)
}

/** The network namespace of a process, e.g. "net:[4026532281]"; undefined when it may not be asked. */
export function networkNamespace(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined
  }
}

/**
 * The processes inside a network namespace. One that ends leaves the namespace first and is reaped later: in
 * between it counts with its parent.
 */
export function namespaceProcesses(namespace: string): ProcessStat[] {
  const all = allProcesses().map((stat) => ({ stat, place: networkNamespace(stat.pid) }))
  const members = new Set(all.filter(({ place }) => place === namespace).map(({ stat }) => stat.pid))
  return all
    .filter(({ stat, place }) => members.has(stat.pid) || (place === undefined && members.has(stat.parent)))
    .map(({ stat }) => stat)
}

/** The sum of their processor time in seconds. */
export function totalCpuSeconds(processes: readonly ProcessStat[]): number {
  return processes.reduce((sum, stat) => sum + stat.cpuSeconds, 0)
}

/**
 * Binds all threads of a session to a processor; those that they start inherit it. One that has ended meanwhile is no error.
 * Throws UNSUPPORTED where they may not run.
 */
export function bindSession(session: number, cpu: number): void {
  for (const { pid } of sessionProcesses(session)) {
    let threads: string[] = []
    try {
      threads = readdirSync(`/proc/${pid}/task`)
    } catch {}
    for (const thread of threads) {
      try {
        bindToCpu(cpu, Number(thread))
      } catch (error) {
        if (processStat(pid)) throw error
      }
    }
  }
}

/** Kills processes by id; one that has ended meanwhile is no error. */
export function killAll(processes: readonly ProcessStat[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal)
    } catch {}
  }
}
