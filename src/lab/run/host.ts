/** Processor times and clock rate of the host, from /proc. */
import { readFileSync } from 'node:fs'

/** Jiffies of /proc/stat: USER_HZ is 100 on every Linux that Node runs on. */
const HZ = 100

export interface HostSample {
  /** Processor seconds so far, of all processors. */
  readonly busyS: number
  readonly stealS: number
  readonly totalS: number
  /** Mean clock of the processors; null where the kernel does not say. */
  readonly mhz: number | null
}

/** @param stat text of /proc/stat; @param cpuinfo text of /proc/cpuinfo */
export function parseHost(stat: string, cpuinfo: string): HostSample {
  const line = stat.split('\n').find((one) => one.startsWith('cpu ')) ?? ''
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const busy = user + nice + system + irq + softirq
  const clocks = [...cpuinfo.matchAll(/^cpu MHz\s*:\s*([\d.]+)/gm)].map((match) => Number(match[1]))
  return {
    busyS: busy / HZ,
    stealS: steal / HZ,
    totalS: (busy + idle + iowait + steal) / HZ,
    mhz: clocks.length === 0 ? null : clocks.reduce((sum, mhz) => sum + mhz, 0) / clocks.length,
  }
}

export function readHost(): HostSample {
  return parseHost(readFileSync('/proc/stat', 'utf8'), readFileSync('/proc/cpuinfo', 'utf8'))
}
