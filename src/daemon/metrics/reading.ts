/** What metrics are made of, at one time: read once a scrape, from shared memory; the engine is not asked. */
import type { PromiseVerdict } from '../../control/promise-verdict.js'
import type { PortCounters } from '../../core/counters.js'
import { EngineSigns } from '../../core/globals.js'
import { type Publication, readPublication } from '../../core/publication.js'
import { DEFAULT_MAX_ADDRESSES } from '../../engine/engine-options.js'
import type { SwitchTuning } from '../../engine/switch.js'
import type { PortStatus } from '../../port/port.js'
import type { Daemon } from '../daemon.js'
import type { CountedDelays, DelayCounts } from './delay-counts.js'

const US_PER_S = 1e6

/** A port at a scrape. */
export interface PortReading {
  readonly status: PortStatus
  readonly counters: PortCounters
  /** Of ports whose frames the switch publishes to a guest; undefined: others. */
  readonly guest: { readonly publication: Publication; readonly delays: CountedDelays } | undefined
}

/** Seconds that the engine's thread has spent so far, by what it did; together the time since its start. */
export interface EngineSeconds {
  readonly work: number
  readonly spin: number
  readonly wait: number
  readonly sleep: number
}

export interface MetricReading {
  readonly version: string
  readonly startedAtS: number
  readonly ports: readonly PortReading[]
  readonly verdicts: readonly PromiseVerdict[]
  readonly tuning: SwitchTuning
  readonly engine: EngineSeconds
  readonly wakes: number
  readonly addresses: number
  readonly maxAddresses: number
  readonly freeBytes: number
}

function engineSeconds(daemon: Daemon, signs: EngineSigns): EngineSeconds {
  const { switch: running } = daemon
  const spin = signs.spunUs / US_PER_S
  const wait = running.promises().waitedUs / US_PER_S
  const used = running.cpuSeconds()
  const uptime = (Date.now() - daemon.startedAt.getTime()) / 1000
  return { work: used - spin, spin, wait, sleep: uptime - used - wait }
}

/** Reads all of a running switch. @param counts where the delays of its ports are added up */
export function readMetrics(daemon: Daemon, counts: DelayCounts): MetricReading {
  const { switch: running, promises } = daemon
  const signs = running.read((memory) => new EngineSigns(memory.buffer as unknown as SharedArrayBuffer))
  const statuses = running.status()
  counts.keep(statuses.map(({ name }) => name))
  return {
    version: daemon.version,
    startedAtS: daemon.startedAt.getTime() / 1000,
    ports: statuses.map((status) => {
      const { name, kind } = status
      const counters = running.counters(name)
      const hasGuest = kind === 'vif' || kind === 'embedded'
      const guest = hasGuest
        ? {
            publication: running.read((memory, rowOf) => readPublication(memory, rowOf(name))),
            delays: counts.add(name, running.delays(name), counters.counts.published_frames),
          }
        : undefined
      return { status, counters, guest }
    }),
    verdicts: promises.verdicts(),
    tuning: running.tuning(),
    engine: engineSeconds(daemon, signs),
    wakes: signs.wakes,
    addresses: running.fdb().length,
    maxAddresses: daemon.running().engine.maxAddresses ?? DEFAULT_MAX_ADDRESSES,
    freeBytes: running.freeBytes,
  }
}
