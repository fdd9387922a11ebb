// One measured window of a running Ringferry: what crossed to each VM, at what cost, how late.
import { histogramMean, histogramQuantile, merge, newCounts, since } from '../../dist/core/histogram.js'
import { jainIndex } from '../../dist/stats/summary.js'
import { sleep } from './cleanup.mjs'

const KINDS = ['hold', 'queue', 'total']

async function read(running) {
  return { ...(await running.snapshot()), cpuSeconds: running.cpuSeconds() }
}

function figuresOf(before, after, seconds) {
  const counted = (name) => after.counts[name] - before.counts[name]
  const drops = {}
  for (const [reason, value] of Object.entries(after.drops)) {
    const more = value - (before.drops[reason] ?? 0)
    if (more > 0) drops[reason] = more
  }
  const figures = { fps: counted('egress_frames') / seconds, frames: counted('egress_frames'), drops }
  for (const name of ['calls', 'publishes', 'published_frames', 'egress_bytes']) figures[name] = counted(name)
  for (const kind of KINDS) figures[kind] = since(after.delays[kind], before.delays[kind])
  return figures
}

/** Quantiles of delay histograms in microseconds. */
export function delayFigures(counts) {
  const figures = {}
  for (const kind of KINDS) {
    for (const [name, q] of Object.entries({ P50: 0.5, P99: 0.99, P999: 0.999 }))
      figures[`${kind}${name}Us`] = histogramQuantile(counts[kind], q)
    figures[`${kind}MeanUs`] = histogramMean(counts[kind])
  }
  return figures
}

/**
 * Counts for a time. Rates per second, CPU in nanoseconds of the whole switch process per delivered frame.
 * @param ports names of the receiving ports
 * @param action runs meanwhile; default: waiting for `ms`
 */
export async function measureWindow(running, ports, ms, action = () => sleep(ms)) {
  const before = await read(running)
  const value = await action()
  const after = await read(running)
  const seconds = (after.atMs - before.atMs) / 1000
  const each = ports.map((name) => figuresOf(before.ports[name], after.ports[name], seconds))
  const sum = (name) => each.reduce((all, figures) => all + figures[name], 0)
  const counts = {}
  for (const kind of KINDS) {
    counts[kind] = newCounts()
    for (const figures of each) merge(counts[kind], figures[kind])
  }
  const frames = sum('frames')
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  const allPorts = Object.keys(after.ports)
  const serviceUs = allPorts.reduce(
    (all, name) => all + after.ports[name].serviceUs - before.ports[name].serviceUs,
    0,
  )
  const drops = {}
  for (const name of allPorts)
    for (const [reason, value] of Object.entries(after.ports[name].drops)) {
      const more = value - (before.ports[name].drops[reason] ?? 0)
      if (more > 0) drops[reason] = (drops[reason] ?? 0) + more
    }
  return {
    value,
    seconds,
    frames,
    fps: frames / seconds,
    mbps: (sum('egress_bytes') * 8) / 1e6 / seconds,
    callsPerSecond: sum('calls') / seconds,
    framesPerCall: frames / sum('calls'),
    framesPerPublish: sum('published_frames') / sum('publishes'),
    cpuShare: cpuSeconds / seconds,
    cpuNsPerFrame: (cpuSeconds * 1e9) / frames,
    serviceNsPerFrame: (serviceUs * 1e3) / frames,
    ...delayFigures(counts),
    jain: jainIndex(each.map(({ fps }) => fps)),
    drops,
    perVm: each.map((figures) => ({ fps: figures.fps, ...delayFigures(figures) })),
  }
}
