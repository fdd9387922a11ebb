/**
 * Loads Ringferry in the driver domain until its code is compiled. V8 compiles what runs often in threads beside, which takes
 * minutes where everything is emulated, and on the only processor the time of all domains: what is measured before is
 * measured of the compiler (docs/decisions/0021).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { RingferryError } from '../../errors/errors.js'
import { pktgenCommand, START_PKTGEN, STOP_PKTGEN } from '../xen/pktgen.js'
import type { ThreadTimes, XenRingferry } from '../xen/ringferry.js'
import type { BedOptions } from './bed.js'
import { throwIfAborted } from './boot.js'
import type { DomainParts } from './xen-vm.js'

/** Each has code of its own. */
const POLICIES = ['natural', 'per-packet', 'adaptive'] as const
/** Loads in all: every policy, three ways. */
export const WARM_UPS = 3 * POLICIES.length
const FRAME_BYTES = 64
const LOOK_MS = 4_000
/** Share of the processor that threads other than the engine may use when all is compiled: one that decides uses some hundredths. */
const CALM_SHARE = 0.08
/** Looks in a row that must be calm. */
const CALM_LOOKS = 2
const COMMAND_MS = 60_000

/** The share of a processor that all threads but the busiest, the engine, used between two looks. */
export function shareBeside(before: ThreadTimes, after: ThreadTimes): number {
  const used = [...after.usedNs].map(([thread, ns]) => ns - (before.usedNs.get(thread) ?? 0))
  const beside = used.reduce((sum, ns) => sum + ns, 0) - Math.max(0, ...used)
  return beside / 1e9 / (after.atS - before.atS)
}

async function must({ agent }: DomainParts, command: string): Promise<void> {
  const { code, stderr } = await agent.run(command, { timeoutMs: COMMAND_MS })
  if (code !== 0) throw new RingferryError('GUEST', `warm-up: "${command}" failed: ${stderr.trim()}`)
}

/** Loads one way until looks are calm, or the limit has passed: what takes longer has been compiled as far as it matters. */
async function loadUntilCalm(
  [from, to]: readonly [DomainParts, DomainParts],
  ringferry: XenRingferry,
  { limitS, signal }: { readonly limitS: number; readonly signal: AbortSignal },
): Promise<void> {
  const { device } = from.nics.ringferry
  await must(from, pktgenCommand(device, to.nics.ringferry, FRAME_BYTES))
  await must(from, START_PKTGEN)
  const limitMs = performance.now() + 1000 * limitS
  let before = await ringferry.threadTimes()
  for (let calm = 0; calm < CALM_LOOKS && performance.now() < limitMs; ) {
    await sleep(LOOK_MS)
    throwIfAborted(signal)
    const after = await ringferry.threadTimes()
    calm = shareBeside(before, after) < CALM_SHARE ? calm + 1 : 0
    before = after
  }
  await must(from, STOP_PKTGEN)
}

/**
 * Every policy that has code of its own, from guest to guest, to the driver domain and back.
 * @param limitS for each policy and way
 */
export async function warmUp(
  ringferry: XenRingferry,
  { host, guests }: { readonly host: DomainParts; readonly guests: readonly DomainParts[] },
  limitS: number,
  { progress, signal }: BedOptions,
): Promise<void> {
  const [first, second] = guests
  if (!first || limitS === 0) return
  const ways: (readonly [DomainParts, DomainParts])[] = [
    [first, host],
    [host, first],
  ]
  if (second) ways.unshift([second, first])
  // The switch learns who is where; the driver domain has no ping.
  for (const guest of guests) await must(guest, `ping -c 1 -w 20 ${host.nics.ringferry.address}`)
  for (const name of POLICIES) {
    progress(`warming Ringferry up: ${name}`)
    await ringferry.tune({ policy: { name } })
    for (const way of ways) await loadUntilCalm(way, ringferry, { limitS, signal })
  }
}
