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

/** The command that prints what has been counted. */
export const READ_GRANTS = `cat ${Object.keys(LISTS)
  .map((name) => `${TRACING}/events/rf/${name}/hist`)
  .join(' ')}`

/** A line of a histogram: "{ entries:         16 } hitcount:          3". */
const HIST_LINE = /^\{ entries:\s*(\d+) \} hitcount:\s*(\d+)/gm

/** Operations and lists in the text of READ_GRANTS. */
export function parseGrants(text: string): { readonly operations: number; readonly lists: number } {
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
}

/**
 * The command that prints a domain's counts, a line each.
 * @param device its NIC
 * @param events what the names of the interrupts that count have, as awk's expression
 */
export function countCommand(device: string, events: string): string {
  return `cut -d' ' -f1 /proc/uptime
head -n 1 /proc/stat
grep '^ *${device}:' /proc/net/dev
awk '/${events}/ { sum += $2 } END { print sum + 0 }' /proc/interrupts`
}

/** Reads what countCommand printed. Throws GUEST when something is missing. @param name of the domain */
export function parseCount(name: string, device: string, text: string): DomainCount {
  const [uptime = '', stat = '', nic = '', events = ''] = text.split('\n')
  const count = {
    atS: Number(uptime || Number.NaN),
    busyS: parseMachineSeconds(stat).busyS,
    port: parseDeviceCount(nic, device, true),
    events: Number(events || Number.NaN),
  }
  if ([count.atS, count.busyS, count.events, count.port.toVmFrames].every(Number.isFinite)) return count
  throw new RingferryError(
    'GUEST',
    `VM ${name}: it does not say what it counted: ${text.trim().split('\n').join(' | ')}`,
  )
}
