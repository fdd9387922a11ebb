/**
 * What the domains of a bed of Xen count, each in its own kernel. Grant operations and their lists are counted where all
 * backends meet: in the driver domain's kernel, which hands copies (netback's, and gntdev's for Ringferry) and mappings
 * (netback's of large frames) to the hypervisor. Its tracing sums them up by itself: nothing runs for it.
 */
import { RingferryError } from '../../errors/errors.js'
import type { PortCount } from './bed.js'
import { parseDeviceCount } from './port-count.js'
import { parseMachineSeconds } from './processor-times.js'

const TRACING = '/sys/kernel/tracing'
/** Function, and the register of its argument that says how long the list is. Source: Linux drivers/xen/grant-table.c. */
const LISTS: Readonly<Record<string, readonly [string, string]>> = {
  copies: ['gnttab_batch_copy', '%si'],
  maps: ['gnttab_map_refs', '%cx'],
}

/** The command by which the driver domain's kernel counts grant operations from now on. */
export const COUNT_GRANTS = `set -e
mountpoint -q ${TRACING} || mount -t tracefs tracefs ${TRACING}
cd ${TRACING}
${Object.entries(LISTS)
  .map(
    ([name, [symbol, register]]) => `echo 'p:rf/${name} ${symbol} entries=${register}:u32' >>kprobe_events
echo 'hist:keys=entries' >events/rf/${name}/trigger`,
  )
  .join('\n')}`

/** The files that say what has been counted. */
export const GRANT_FILES: readonly string[] = Object.keys(LISTS).map(
  (name) => `${TRACING}/events/rf/${name}/hist`,
)

/** A line of a histogram: "{ entries:         16 } hitcount:          3". */
const HIST_LINE = /^\{ entries:\s*(\d+) \} hitcount:\s*(\d+)/gm

export interface GrantCount {
  readonly operations: number
  readonly lists: number
}

/** Operations and lists in the text of GRANT_FILES. */
export function parseGrants(text: string): GrantCount {
  let operations = 0
  let lists = 0
  for (const [, entries, hits] of text.matchAll(HIST_LINE)) {
    operations += Number(entries) * Number(hits)
    lists += Number(hits)
  }
  return { operations, lists }
}

/** What a domain has counted so far. */
export interface DomainCount {
  /** Its uptime. */
  readonly atS: number
  readonly busyS: number
  readonly port: PortCount
  readonly events: number
  /** None where no histograms were asked for. */
  readonly grants: GrantCount
}

/**
 * The command that prints a domain's counts. One program reads all files at once: on a busy emulated processor each further
 * one would start some tenths of a second later.
 * @param device its NIC
 * @param events what the names of the interrupts that count have, as awk's expression
 * @param histograms files of the kernel's tracing whose lines are printed, too
 */
export function countCommand(device: string, events: string, histograms: readonly string[] = []): string {
  return `awk '
FILENAME == "/proc/uptime" { print $1 }
FILENAME == "/proc/stat" && FNR == 1 { print }
FILENAME == "/proc/net/dev" && index($0, "${device}:") { print }
FILENAME == "/proc/interrupts" && /${events}/ { sum += $2 }
index($0, "{ entries:") == 1 { print }
END { print sum + 0 }
' ${['/proc/uptime', '/proc/stat', '/proc/net/dev', '/proc/interrupts', ...histograms].join(' ')}`
}

/** Reads what countCommand printed. Throws GUEST when something is missing. @param name of the domain */
export function parseCount(name: string, device: string, text: string): DomainCount {
  const lines = text.trimEnd().split('\n')
  const [uptime = '', stat = '', nic = ''] = lines
  const count = {
    atS: Number(uptime || Number.NaN),
    busyS: parseMachineSeconds(stat).busyS,
    port: parseDeviceCount(nic, device, true),
    events: Number(lines.slice(3).at(-1) ?? Number.NaN),
    grants: parseGrants(text),
  }
  if ([count.atS, count.busyS, count.events, count.port.toVmFrames].every(Number.isFinite)) return count
  throw new RingferryError(
    'GUEST',
    `VM ${name}: it does not say what it counted: ${text.trim().split('\n').join(' | ')}`,
  )
}
