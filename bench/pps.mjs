// Frames per second from one vif to another through the switch on one processor; the load has the other one.
// Ringferry bridges (FDB, all checks on); DPDK's testpmd only moves frames from port to port; Open vSwitch with DPDK
// learns addresses, too. Windows of the switches alternate, those that do not run are stopped.
//
//   a   one pair of addresses by frame length          pps/own-generator.mjs
//   b   testpmd as the client                          pps/testpmd-client.mjs
//   c   many addresses, layouts, features, with aims   pps/cases.mjs
import { BURST, chooseCases } from './lib/cases.mjs'
import { reasonOf, runBench, undoLater } from './lib/cleanup.mjs'
import { startDistanceProbe } from './lib/distance.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { startOvs } from './lib/ovs.mjs'
import { pinThread } from './lib/pin.mjs'
import { header, progressEnd, save } from './lib/report.mjs'
import { startRingferry, startTestpmd } from './lib/switches.mjs'
import { CASE_WINDOW_MS, measureCases, reportCases, summariseCases, TABLE_CASES } from './pps/cases.mjs'
import { ownGenerator, reportOwnGenerator } from './pps/own-generator.mjs'
import { CLIENT_WINDOW_MS, reportTestpmdClient, testpmdClient } from './pps/testpmd-client.mjs'
import { WINDOW_MS } from './pps/windows.mjs'

const options = readOptions('pps', 'frames per second through Ringferry and through other switches', {
  parts: { default: 'c', help: 'a: one pair by length, b: testpmd as the client, c: the table of aims' },
  sizes: { default: '64,256,1500', help: 'frame lengths in bytes of parts a and b' },
  rounds: { default: undefined, help: 'windows of each switch and length in part b (default 7; quick 2)' },
  cases: { default: undefined, help: `of part c: ${TABLE_CASES.map(({ name }) => name).join(',')}` },
})
const seconds = options.seconds === undefined ? undefined : Number(options.seconds)
const secondsOfA = seconds ?? (options.quick ? 4 : 15)
const secondsOfC = seconds ?? (options.quick ? 1 : 4)
const rounds = Number(options.rounds ?? (options.quick ? 2 : 7))
const parts = options.parts.split(',')
const sizes = numbers(options.sizes)
const cases = chooseCases(options.cases, TABLE_CASES)
const [SWITCH_CPU, LOAD_CPU] = [0, 1]
/** With a third one for addresses that move. */
const OVS_PORTS = 3

/** Open vSwitch, if it runs here; says why not. */
async function ovsIfThere() {
  try {
    return [await startOvs({ cpu: SWITCH_CPU, otherCpu: LOAD_CPU, ports: OVS_PORTS })]
  } catch (error) {
    console.log(`without OVS-DPDK: ${reasonOf(error).trim().split('\n').at(-1)}`)
    return []
  }
}

await runBench(async () => {
  const settings = {
    burst: BURST,
    ...(parts.includes('a') ? { seconds: secondsOfA, windowMs: WINDOW_MS } : {}),
    ...(parts.includes('c') ? { caseSeconds: secondsOfC, caseWindowMs: CASE_WINDOW_MS } : {}),
    ...(parts.includes('b') ? { rounds, clientWindowMs: CLIENT_WINDOW_MS } : {}),
  }
  const machine = header('Frames per second, Ringferry and other switches on one processor', settings)
  pinThread(LOAD_CPU)
  /** @type {Record<string, unknown>} */
  const results = { bench: 'pps', machine, settings }
  const switches = [await startRingferry({ cpu: SWITCH_CPU }), await startTestpmd({ cpu: SWITCH_CPU })]
  const [plain, testpmd] = switches
  const probe = await startDistanceProbe(SWITCH_CPU)
  undoLater(() => probe.stop())
  if (parts.includes('a')) {
    const windows = await ownGenerator(switches, probe, sizes, secondsOfA)
    progressEnd()
    Object.assign(results, { windows, summary: reportOwnGenerator(windows, sizes) })
  }
  if (parts.includes('b')) {
    plain.pause()
    // All frames of the client are flooded: the limit of such frames is not what is measured.
    const flooding = await startRingferry({ cpu: SWITCH_CPU, vifs: [{ stormFps: 0 }, { stormFps: 0 }] })
    const clientWindows = await testpmdClient([flooding, testpmd], sizes, rounds, LOAD_CPU)
    progressEnd()
    await flooding.stop()
    Object.assign(results, { clientWindows, clientSummary: reportTestpmdClient(clientWindows, sizes) })
  }
  if (parts.includes('c')) {
    for (const target of switches) target.pause()
    const peers = [testpmd, ...(await ovsIfThere())]
    const measured = await measureCases(cases, { plain, peers, cpu: SWITCH_CPU }, probe, secondsOfC)
    progressEnd()
    const summary = summariseCases(measured)
    reportCases(measured, summary)
    Object.assign(results, { cases: measured, caseSummary: summary })
  }
  save(options.json, results)
})
