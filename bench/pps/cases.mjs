// Part c: many addresses, layouts and features, on Ringferry and on other switches in turn; a feature against Ringferry
// without it. A window counts when the probes around it agree and nobody else had the processors; ratios are of rounds.
import { median } from '../../dist/stats/summary.js'
import { CASES } from '../lib/cases.mjs'
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { busiestWaitedMs, threadTimes } from '../lib/cpu.mjs'
import { distanceClass } from '../lib/distance.mjs'
import { startPairLoad } from '../lib/pair-load.mjs'
import { progress, ratio, shown, summarise, table } from '../lib/report.mjs'
import { only, startRingferry } from '../lib/switches.mjs'
import { FEATURE_AIM, FEATURES_OF, PEER_AIMS } from './aims.mjs'
import { SETTLE_MS } from './windows.mjs'

/** Fewer windows of a distance are no basis for an interval. */
const MIN_WINDOWS = 5
const WITHOUT = 'without'
/** Short, so that some fall between what others do on the machine. */
export const CASE_WINDOW_MS = 5
/** A window counts when neither switch nor load waited longer for its processor, the time to settle included. */
const MOST_WAITED_MS = 0.5

export const TABLE_CASES = CASES.filter(({ name }) => name in PEER_AIMS || name in FEATURES_OF)

const caseNamed = (name) =>
  /** @type {import('../lib/cases.mjs').Case} */ (CASES.find((each) => each.name === name))

/**
 * @typedef {object} Window
 * @property {number} fps
 * @property {number} before nanoseconds of the distance before the window, and `after` it
 * @property {number} after
 * @property {number} waitedMs the longest time that the switch or the load waited for its processor
 */

/**
 * One round: a window of every switch, the others stopped.
 * @param {any[]} entries
 * @param {number} first the entry that begins
 * @returns {Record<string, Window>} by switch
 */
function round(entries, probe, first) {
  /** @type {Record<string, Window>} */
  const windows = {}
  for (let turn = 0; turn < entries.length; turn++) {
    const { name, target, load } = entries[(first + turn) % entries.length]
    const before = probe.measure()
    const [switchBefore, loadBefore] = [threadTimes(target.pid), threadTimes('self')]
    target.resume()
    load(SETTLE_MS)
    const fps = load(CASE_WINDOW_MS)
    const loadAfter = threadTimes('self')
    target.pause()
    const after = probe.measure()
    // Only now: the kernel counts a wait when it is over, and a thread must run to be stopped.
    const switchAfter = threadTimes(target.pid)
    const waited = [busiestWaitedMs(switchBefore, switchAfter), busiestWaitedMs(loadBefore, loadAfter)]
    windows[name] = { fps, before, after, waitedMs: Math.max(...waited) }
  }
  return windows
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
  while ((performance.now() < until || rounds.length < MIN_WINDOWS) && !isEnding()) {
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

/** @param {Window} window */
const isDisturbed = ({ waitedMs }) => waitedMs > MOST_WAITED_MS

/** Rates of a switch by round, in millions a second; NaN where the window does not count. */
function ratesAt(rounds, name, distance) {
  return rounds.map((windows) => {
    const window = windows[name]
    const counts =
      window !== undefined &&
      !isDisturbed(window) &&
      distanceClass(window.before) === distance &&
      distanceClass(window.after) === distance
    return counts ? window.fps / 1e6 : Number.NaN
  })
}

const known = (values) => values.filter(Number.isFinite).length

/** @returns {any[]} rows of what was measured, by case and distance */
export function summariseCases(measured) {
  const rows = []
  for (const { name, rounds } of measured)
    for (const distance of ['shared', 'apart', 'far']) {
      const ours = ratesAt(rounds, 'ringferry', distance)
      if (known(ours) < MIN_WINDOWS) continue
      const ns = rounds.flatMap(({ ringferry }) => [ringferry.before, ringferry.after])
      const probed = ns.filter((value) => distanceClass(value) === distance)
      const about = `${distance}, ${median(probed).toFixed(0)} ns`
      const row = {
        name,
        distance,
        about,
        windows: known(ours),
        mpps: { ringferry: summarise(ours) },
        ratios: {},
      }
      for (const column of Object.keys(rounds[0]).filter((each) => each !== 'ringferry')) {
        const theirs = ratesAt(rounds, column, distance)
        const both = theirs.filter((value, index) => Number.isFinite(value) && Number.isFinite(ours[index]))
        if (known(theirs) >= MIN_WINDOWS) row.mpps[column] = summarise(theirs)
        if (both.length >= MIN_WINDOWS) row.ratios[column] = ratio(ours, theirs)
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
    ['case', 'distance', 'windows', 'ringferry', 'testpmd', 'OVS-DPDK', 'to testpmd', 'to OVS-DPDK'],
    rows
      .filter(({ name }) => name in PEER_AIMS)
      .map(({ name, distance, about: where, windows, mpps, ratios }) => [
        ...[about(name), where, windows, rate(mpps.ringferry), rate(mpps.testpmd), rate(mpps['OVS-DPDK'])],
        judged(ratios.testpmd, PEER_AIMS[name].testpmd[distance]),
        judged(ratios['OVS-DPDK'], PEER_AIMS[name].ovs?.[distance]),
      ]),
  )
  console.log('\n    a feature, and one pair without it')
  const features = rows.filter(({ name }) => name in FEATURES_OF)
  table(
    ['case', 'distance', 'windows', 'ringferry', 'without', 'ratio'],
    features.map(({ name, distance, about: where, windows, mpps, ratios }) => [
      ...[about(name), where, windows, rate(mpps.ringferry), rate(mpps[WITHOUT])],
      judged(ratios[WITHOUT], FEATURE_AIM[distance]),
    ]),
  )
  const all = measured.flatMap(({ rounds }) => rounds.flatMap((windows) => Object.values(windows)))
  const disturbed = all.filter(isDisturbed).length
  console.log(`\n${disturbed} of ${all.length} windows left out: others used the processors meanwhile`)
  const missing = measured.filter(({ name }) => !rows.some((row) => row.name === name))
  if (missing.length > 0)
    console.log(`no row for ${missing.map(({ name }) => name).join(', ')}: too few windows of a distance`)
}
