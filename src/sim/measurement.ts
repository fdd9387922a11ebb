/** What happens in the measured time: a snapshot at its beginning, figures at its end. */
import { readTuning } from '../control/tuning.js'
import { TuningReader } from '../control/tuning-reader.js'
import { type PortCounters, readCounters } from '../core/counters.js'
import { delaysSince, type PortDelays, readDelays } from '../core/delays.js'
import { histogramMean, histogramQuantile, total } from '../core/histogram.js'
import { type Backend, threadOf } from './backend.js'
import type { Machine } from './machine.js'
import type { Traffic } from './model.js'
import type { Program } from './program.js'
import type { DelayFigures, Results, TrafficResult, VmResult } from './results.js'
import type { ThreadState } from './scheduler.js'

/** Shares from which something counts as used up. */
const FULL = 0.95
/** A queue loses that much by chance alone. */
const LOSS = 0.001

interface Snapshot {
  readonly atNs: number
  readonly events: number
  readonly usedNs: readonly number[]
  readonly busyNs: readonly number[]
  /** By thread of the driver domain. */
  readonly spunUs: readonly number[]
  readonly switches: number
  readonly live: readonly number[]
  /** By VM; none without a driver domain. */
  readonly counters: readonly PortCounters[]
  readonly delays: readonly PortDelays[]
  readonly guests: readonly { readonly received: number; readonly sent: number }[]
  readonly nics: readonly {
    readonly drops: number
    /** Those of them that had crossed the wire. */
    readonly ringDrops: number
    readonly outNs: number
    readonly inNs: number
  }[]
}

function figures({ delays, sumUs }: Program['tally']): DelayFigures {
  return {
    meanUs: sumUs / total(delays),
    p50Us: histogramQuantile(delays, 0.5),
    p99Us: histogramQuantile(delays, 0.99),
    p999Us: histogramQuantile(delays, 0.999),
  }
}

export class Measurement {
  readonly #machine: Machine
  readonly #begin: Snapshot

  /** The measured time begins. */
  constructor(machine: Machine) {
    this.#machine = machine
    for (const { tally } of machine.programs) tally.restart()
    this.#begin = this.#snapshot()
  }

  #snapshot(): Snapshot {
    const { events, processors, backends, guests, nics, model, frames } = this.#machine
    const memories = backends.length === 0 ? [] : model.vms.map((_, at) => this.#backendOf(at)!.memory.u64)
    return {
      atNs: events.nowNs,
      events: events.processed,
      usedNs: processors.threads.map(({ usedNs }) => usedNs),
      busyNs: [...processors.busyNs],
      spunUs: backends.map(({ driver }) => driver.pace.spunUs),
      switches: processors.switches,
      live: [...frames.live],
      counters: memories.map((words, at) => readCounters(words, nics.length + at)),
      delays: memories.map((words, at) => readDelays(words, nics.length + at)),
      guests: guests.map(({ received, sentFrames }) => ({ received, sent: sentFrames })),
      nics: nics.map(({ drops, peerDrops, outNs, inNs }) => ({
        ...{ drops: drops + peerDrops, ringDrops: drops, outNs, inNs },
      })),
    }
  }

  #traffic(traffic: Traffic, at: number, end: Snapshot, seconds: number): TrafficResult {
    const { tally } = this.#machine.programs[at]!
    const { frames, payloadBytes, offered, transactions } = tally
    // What was on its way at the beginning or the end is not lost.
    const lost = offered - frames - (end.live[at]! - this.#begin.live[at]!)
    return {
      label: traffic.label,
      frames,
      fps: frames / seconds,
      mbps: (payloadBytes * 8) / seconds / 1e6,
      offeredFps: offered / seconds,
      lossRatio: traffic.kind === 'open' && offered > 0 ? Math.max(0, lost / offered) : 0,
      transactionsPerS: transactions / seconds,
      delay: figures(tally),
      delays: tally.delays.slice(),
    }
  }

  #backendOf(vm: number): Backend | undefined {
    return this.#machine.backends[threadOf(vm, this.#machine.model)]
  }

  #vms(end: Snapshot, seconds: number): VmResult[] {
    const { model, backends, guests, nics } = this.#machine
    const begin = this.#begin
    const nameOf = (row: number): string | undefined => model.vms[row - nics.length]?.name
    const tunings = backends.map(({ memory, settings }) =>
      readTuning(memory.u64, new TuningReader(settings.buffer), nameOf),
    )
    return model.vms.map(({ name }, at) => {
      const tuning = tunings[threadOf(at, model)]
      const count = (counter: string): number => {
        const now = end.counters[at]?.counts as Readonly<Record<string, number>> | undefined
        const before = begin.counters[at]?.counts as Readonly<Record<string, number>> | undefined
        return (now?.[counter] ?? 0) - (before?.[counter] ?? 0)
      }
      const drops = (snapshot: Snapshot): number =>
        Object.values(snapshot.counters[at]?.drops ?? {}).reduce((sum, each) => sum + each, 0)
      const delays = tuning ? delaysSince(end.delays[at]!, begin.delays[at]!) : undefined
      const quantile = (which: keyof PortDelays, q: number): number =>
        delays ? histogramQuantile(delays[which], q) : Number.NaN
      const thread = guests[at]!.thread.index
      return {
        name,
        toVmFps: (end.guests[at]!.received - begin.guests[at]!.received) / seconds,
        fromVmFps: (end.guests[at]!.sent - begin.guests[at]!.sent) / seconds,
        publications: count('publishes'),
        batchFrames: count('published_frames') / count('publishes'),
        calls: count('calls'),
        drops: drops(end) - drops(begin) + guests[at]!.queueDrops,
        holdP99Us: quantile('hold', 0.99),
        queueP99Us: quantile('queue', 0.99),
        totalP99Us: quantile('total', 0.99),
        totalP50Us: quantile('total', 0.5),
        holdMeanUs: delays ? histogramMean(delays.hold) : Number.NaN,
        cpu: (end.usedNs[thread]! - begin.usedNs[thread]!) / seconds / 1e9,
        why: tuning?.vifs.find((each) => each.name === name)?.why ?? '',
      }
    })
  }

  /** The measured time is over. */
  results(seed: number): Results {
    const { model, processors } = this.#machine
    const begin = this.#begin
    const end = this.#snapshot()
    const seconds = (end.atNs - begin.atNs) / 1e9
    const share = (now: number, before: number): number => (now - before) / 1e9 / seconds
    const traffic = model.traffic.map((each, at) => this.#traffic(each, at, end, seconds))
    const vms = this.#vms(end, seconds)
    const drivers = this.#drivers(end, seconds)
    const spun = drivers.reduce((all, each) => all + each.spun, 0)
    const driverCpu = drivers.reduce((all, each) => all + each.worked, 0)
    const cores = end.busyNs.map((busy, core) => share(busy, begin.busyNs[core]!))
    const guestCpu = vms.reduce((sum, { cpu }) => sum + cpu, 0)
    const frames = traffic.reduce((sum, each) => sum + each.frames, 0)
    const calls = vms.reduce((sum, each) => sum + each.calls, 0)
    const nicDrops = end.nics.reduce((sum, { drops }, at) => sum + drops - begin.nics[at]!.drops, 0)
    const ringDrops = end.nics.reduce((sum, nic, at) => sum + nic.ringDrops - begin.nics[at]!.ringDrops, 0)
    const vmDrops = vms.reduce((all, { drops }) => all + drops, 0)
    const sum = (of: (each: TrafficResult) => number): number =>
      traffic.reduce((all, each) => all + of(each), 0)
    const isSaturated = traffic.some(({ lossRatio, label }) => {
      const open = model.traffic.find((each) => each.label === label)?.kind === 'open'
      return open && lossRatio > LOSS
    })
    return {
      model: model.name,
      seed,
      measuredS: seconds,
      traffic,
      vms,
      driverCpu,
      guestCpu,
      hostCpu: cores.reduce((all, each) => all + each, 0) - spun,
      mbps: sum(({ mbps }) => mbps),
      fps: sum(({ fps }) => fps),
      cyclesPerFrame: ((driverCpu + guestCpu) * seconds * model.host.ghz * 1e9) / frames,
      callsPerFrame: calls / frames,
      switchesPerS: (processors.switches - begin.switches) / seconds,
      drops: nicDrops + vmDrops,
      bottleneck: this.#bottleneck(end, { cores, seconds, isLosing: ringDrops + vmDrops > LOSS * frames }),
      isSaturated,
      events: end.events - begin.events,
    }
  }

  /** @param isLosing what has crossed a wire is lost behind it: a wire that is full limits nothing then */
  #bottleneck(
    end: Snapshot,
    {
      cores,
      seconds,
      isLosing,
    }: { readonly cores: readonly number[]; readonly seconds: number; readonly isLosing: boolean },
  ): string {
    const { nics, vms } = this.#machine.model
    const begin = this.#begin
    for (const [at, { name }] of nics.entries()) {
      const out = (end.nics[at]!.outNs - begin.nics[at]!.outNs) / 1e9 / seconds
      const into = (end.nics[at]!.inNs - begin.nics[at]!.inNs) / 1e9 / seconds
      if (out >= FULL || (into >= FULL && !isLosing)) return `nic ${name}`
    }
    const drivers = this.#drivers(end, seconds)
    const spunOn = (core: number): number => drivers.find((each) => each.core === core)?.spun ?? 0
    const isShared = (core: number): boolean =>
      this.#machine.guests.some(({ thread }) => thread.core === core)
    // Whoever spins while a VM of its processor cannot take its frames has nothing to do because that one waits.
    const core = cores.findIndex((use, at) => use - (isLosing && isShared(at) ? 0 : spunOn(at)) >= FULL)
    if (core < 0) return 'load'
    // One of several that is full limits its own VMs only; the mean tells of all.
    const worked = drivers.reduce((all, each) => all + each.worked, 0)
    if (drivers.length > 0 && worked >= FULL * drivers.length) return 'driver domain'
    const shareOf = ({ index }: ThreadState): number =>
      (end.usedNs[index]! - begin.usedNs[index]!) / 1e9 / seconds
    for (const [at, { name }] of vms.entries())
      if (shareOf(this.#machine.guests[at]!.thread) >= FULL) return `vm ${name}`
    return `processor ${core}`
  }

  /** Of a processor, by thread of the driver domain: in which it worked, and in which it waited for work. */
  #drivers(end: Snapshot, seconds: number): { core: number; worked: number; spun: number }[] {
    return this.#machine.backends.map(({ driver }, at) => {
      const { index, core } = driver.thread
      const used = (end.usedNs[index]! - this.#begin.usedNs[index]!) / 1e9 / seconds
      const spun = (end.spunUs[at]! - this.#begin.spunUs[at]!) / 1e6 / seconds
      return { core, worked: used - spun, spun }
    })
  }
}
