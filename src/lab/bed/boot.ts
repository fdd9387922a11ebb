/** Boots the VMs of a bed side by side; what is under way ends soon when the bed is given up. */
import { readFileSync } from 'node:fs'
import { RingferryError } from '../../errors/errors.js'
import { nthCpu } from '../../sys/affinity.js'
import { bootGuest } from '../guest/guest.js'
import { allProcesses, bindSession, killAll, sessionProcesses } from '../guest/processes.js'
import type { Guest, GuestSpec } from '../guest/spec.js'
import type { BedOptions } from './bed.js'
import type { Fabric } from './fabric.js'
import { startHostGuest } from './host-guest.js'
import { PREFIX_BITS, type VmPlan } from './plan.js'

/** How many boot at once: a booting kernel takes a processor. */
const SIDE_BY_SIDE = 4

/** Throws INTERRUPTED when the bed is no longer wanted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new RingferryError('INTERRUPTED', 'bed: interrupted while it was built', { cause: signal.reason })
}

/** Ends guests of these names that are booting: their boot rejects and tidies up. */
function killBooting(names: readonly string[]): void {
  for (const { pid, parent, session } of allProcesses()) {
    if (parent !== process.pid || session !== pid) continue
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (names.some((name) => line.includes(name))) killAll(sessionProcesses(pid))
    } catch {
      // It has ended.
    }
  }
}

async function bootOne(plan: VmPlan, fabric: Fabric): Promise<Guest> {
  const { spec, guestName } = plan
  const nics = []
  for (const nic of plan.nics) {
    const link = await fabric.link(plan, nic)
    const address = `${nic.address}/${PREFIX_BITS}`
    nics.push({ ...link, address, mac: nic.mac, ...(spec.model === 'e1000' ? { model: spec.model } : {}) })
  }
  if (spec.kind === 'host') return startHostGuest(guestName, nics)
  const guest: GuestSpec = {
    ...{ name: guestName, kind: spec.kind as GuestSpec['kind'], nics, programs: true },
    ...(spec.memoryMb === undefined ? {} : { memoryMb: spec.memoryMb }),
  }
  const booted = await bootGuest(guest)
  if (spec.cpu !== undefined) bindSession(booted.pid, nthCpu(spec.cpu))
  return booted
}

/**
 * A VM answers for an address only where the address is: else a NIC would take what is for another one of the
 * same VM. Source: Linux Documentation/networking/ip-sysctl.rst, arp_ignore.
 */
async function separateNics(guest: Guest): Promise<void> {
  for (const name of guest.interfaces) {
    const folder = `/proc/sys/net/ipv4/conf/${name}`
    const { code } = await guest.run(`echo 1 >${folder}/arp_ignore && echo 2 >${folder}/arp_announce`)
    if (code !== 0)
      throw new RingferryError('GUEST', `guest ${guest.name}: ${folder} cannot be written; use one NIC`)
  }
}

/**
 * Boots all VMs that are kernels, at most 4 at once, in the order of the plans.
 * @param booted hears of each guest as soon as it is there, also of those that come up after a failure
 * Rejects with the first failure, when all that was under way has ended.
 */
export async function bootAll(
  plans: readonly VmPlan[],
  fabric: Fabric,
  { signal, progress }: BedOptions,
  booted: (plan: VmPlan, guest: Guest) => void,
): Promise<void> {
  const waiting = [...plans]
  const underWay = new Set<string>()
  let failure: unknown
  const giveUp = (): void => killBooting([...underWay])
  signal.addEventListener('abort', giveUp)
  const work = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan && failure === undefined; plan = waiting.shift()) {
      underWay.add(plan.guestName)
      try {
        throwIfAborted(signal)
        const guest = await bootOne(plan, fabric)
        booted(plan, guest)
        if (plan.nics.length > 1) await separateNics(guest)
        progress(`${plan.spec.name} is up (${plan.spec.kind})`)
      } catch (error) {
        failure ??= error
        underWay.delete(plan.guestName)
        giveUp()
      }
      underWay.delete(plan.guestName)
    }
  }
  try {
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work))
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  throwIfAborted(signal)
  if (failure !== undefined) throw failure
}
