// Part c: many addresses, layouts and features, on Ringferry and on other switches in turn; a feature against Ringferry
// without it. A round counts when all probes around its windows are of one distance class.
import { CASES } from '../lib/cases.mjs'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { busiestWaitedMs, threadTimes } from '../lib/cpu.mjs'
import { distanceClass } from '../lib/distance.mjs'
import { startPairLoad } from '../lib/pair-load.mjs'
import { progress, ratio, shown, summarise, table } from '../lib/report.mjs'
import { only, startRingferry } from '../lib/switches.mjs'
import { FEATURE_AIM, FEATURES_OF, PEER_AIMS } from './aims.mjs'
import { SETTLE_MS, WINDOW_MS } from './windows.mjs'

/** Fewer rounds of a distance are no basis for an interval. */
const MIN_ROUNDS = 5
const WITHOUT = 'without'
/** A round counts when neither switch nor load waited longer for their processors, which others may use, too. */
const MOST_WAITED_MS = 1

export const TABLE_CASES = CASES.filter(({ name }) => name in PEER_AIMS || name in FEATURES_OF)

const caseNamed = (name) =>
  /** @type {import('../lib/cases.mjs').Case} */ (CASES.find((each) => each.name === name))

/**
 * One round: a window of every switch, the others stopped; distances around the windows; the longest time that a switch
 * or the load waited for its processor.
 */
function round(entries, probe, first) {
  /** @type {Record<string, number>} */
  const fps = {}
  const distances = []
  let waitedMs = 0
  for (let turn = 0; turn < entries.length; turn++) {
    const { name, target, load } = entries[(first + turn) % entries.length]
    distances.push(probe.measure())
    target.resume()
    load(SETTLE_MS)
    const [switchBefore, loadBefore] = [threadTimes(target.pid), threadTimes('self')]
    fps[name] = load(WINDOW_MS)
    const [switchAfter, loadAfter] = [threadTimes(target.pid), threadTimes('self')]
    waitedMs = Math.max(
      ...[waitedMs, busiestWaitedMs(switchBefore, switchAfter), busiestWaitedMs(loadBefore, loadAfter)],
    )
    target.pause()
    distances.push(probe.measure())
  }
  return { fps, distances, waitedMs }
}

/** The switches that a case runs on, by the names of the table's columns. */
function contenders(of, own, { plain, peers }) {
  const without = FEATURES_OF[of.name]
  if (without !== undefined)
    return [
      { name: 'ringferry', target: own, case: of },
      { name: WITHOUT, target: plain, case: caseNamed(without) },
    ]
  return [
    { name: 'ringferry', target: own, case: of },
    ...peers.map((target) => ({ name: target.name, target, case: of })),
  ]
}

/**
 * Rounds of one case.
 * @param {import('../lib/cases.mjs').Case} of
 * @param {{ plain: any, peers: any[], cpu: number }} switches those that run all the time
 */
async function measureCase(of, switches, probe, seconds) {
  progress(`${of.name}: attaching`)
  const vifs = [{ ...of.sender }, { ...of.receiver }, ...(of.movesEvery ? [{}] : [])]
  const running = [switches.plain, ...switches.peers]
  for (const target of running) target.pause()
  const own = await startRingferry({ cpu: switches.cpu, vifs })
  const all = [...running, own]
  const entries = []
  for (const each of contenders(of, own, switches)) {
    only(all, each.target)
    entries.push({ ...each, ...(await startPairLoad(each.target, each.case)) })
  }
  for (const target of all) target.pause()
  progress(`${of.name}: ${seconds} s`)
  const rounds = []
  const until = performance.now() + seconds * 1000
  while ((performance.now() < until || rounds.length < MIN_ROUNDS) && !isEnding()) {
    rounds.push(round(entries, probe, rounds.length))
    // So that Ctrl-C is heard.
    await sleep(0)
  }
  for (const target of all) target.resume()
  for (const { close } of entries) close()
  await own.stop()
  return { name: of.name, rounds }
}

/**
 * All cases, one after the other.
 * @param {import('../lib/cases.mjs').Case[]} cases
 */
export async function measureCases(cases, switches, probe, seconds) {
  const measured = []
  for (const of of cases) {
    if (isEnding()) break
    measured.push(await measureCase(of, switches, probe, seconds))
  }
  return measured
}

/** The rounds of a case that were all of one class, and that nobody else disturbed. */
function roundsAt(rounds, distance) {
  return rounds.filter(
    ({ distances, waitedMs }) =>
      waitedMs <= MOST_WAITED_MS && distances.every((ns) => distanceClass(ns) === distance),
  )
}

/** @returns {any[]} rows of what was measured, by case and distance */
export function summariseCases(measured) {
  const rows = []
  for (const { name, rounds } of measured)
    for (const distance of ['shared', 'apart', 'far']) {
      const chosen = roundsAt(rounds, distance)
      if (chosen.length < MIN_ROUNDS) continue
      const mpps = (column) => chosen.map(({ fps }) => (fps[column] ?? Number.NaN) / 1e6)
      const ours = mpps('ringferry')
      const row = { name, distance, rounds: chosen.length, mpps: { ringferry: summarise(ours) }, ratios: {} }
      for (const column of Object.keys(chosen[0].fps))
        if (column !== 'ringferry') {
          row.mpps[column] = summarise(mpps(column))
          row.ratios[column] = ratio(ours, mpps(column))
        }
      rows.push(row)
    }
  return rows
}

/** "2.31 [2.20, 2.40] of 2.0", with "!" where the estimate is short of its aim. */
function judged(interval, aim) {
  if (interval === undefined) return '-'
  if (aim === undefined) return shown(interval)
  return `${shown(interval)} ${interval.estimate < aim ? '<' : '>='} ${aim}`
}

/** Prints the table of aims, and what was left out of it. */
export function reportCases(measured, rows) {
  const about = (name) => `${name}: ${caseNamed(name).about}`
  const rate = (interval) => (interval ? shown(interval) : '-')
  console.log('\n(c) millions of frames per second received, 64 bytes unless said; ratios beside their aims')
  table(
    ['case', 'distance', 'rounds', 'ringferry', 'testpmd', 'OVS-DPDK', 'to testpmd', 'to OVS-DPDK'],
    rows
      .filter(({ name }) => name in PEER_AIMS)
      .map(({ name, distance, rounds, mpps, ratios }) => [
        ...[about(name), distance, rounds, rate(mpps.ringferry), rate(mpps.testpmd), rate(mpps['OVS-DPDK'])],
        judged(ratios.testpmd, PEER_AIMS[name].testpmd[distance]),
        judged(ratios['OVS-DPDK'], PEER_AIMS[name].ovs?.[distance]),
      ]),
  )
  console.log('\n    a feature, and one pair without it')
  const features = rows.filter(({ name }) => name in FEATURES_OF)
  table(
    ['case', 'distance', 'rounds', 'ringferry', 'without', 'ratio'],
    features.map(({ name, distance, rounds, mpps, ratios }) => [
      ...[about(name), distance, rounds, rate(mpps.ringferry), rate(mpps[WITHOUT])],
      judged(ratios[WITHOUT], FEATURE_AIM[distance]),
    ]),
  )
  const disturbed = measured
    .flatMap(({ rounds }) => rounds)
    .filter(({ waitedMs }) => waitedMs > MOST_WAITED_MS)
  const all = measured.reduce((sum, { rounds }) => sum + rounds.length, 0)
  console.log(`\n${disturbed.length} of ${all} rounds left out: others used the processors meanwhile`)
  const missing = measured.filter(({ name }) => !rows.some((row) => row.name === name))
  if (missing.length > 0)
    console.log(
      `no row for ${missing.map(({ name }) => name).join(', ')}: fewer than ${MIN_ROUNDS} rounds of a distance`,
    )
}
