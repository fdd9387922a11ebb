// What waking up costs: the round trip of a 64-byte frame between two embedded guests when the switch is otherwise
// idle, and the processor time that the switch takes for it, for each bound on its spinning, given or found by the engine,
// and with processors that are kept awake; and what it takes when nothing happens at all.

import { EmbeddedWorker } from '../dist/embedded/worker.js'
import { connectUnix } from '../dist/sys/unix-socket.js'
import { isEnding, runBench, sleep, undoLater } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, save, short, shown, summarise, table } from './lib/report.mjs'
import { startRingferry, startTestpmd } from './lib/switches.mjs'
import { bootGuests } from './lib/uml-guests.mjs'

const options = readOptions(
  'latency',
  'round trip of 64-byte frames between idle guests, and CPU while idle',
  {
    rounds: { default: undefined, help: 'rounds, each with every case (default 7; quick 3)' },
    spins: {
      default: '0,20,50,100,200,found,0+awake,found+awake',
      help: 'spin bounds of the engine in microseconds; found: by the engine; +awake: with processors kept awake',
    },
    intervals: { default: '0,1000', help: 'pauses between two round trips in microseconds' },
    'guest-spin': {
      default: '0',
      help: 'how long the guests poll their rings before they sleep, microseconds',
    },
    testpmd: { default: false, help: 'testpmd (mode io, which polls) as another case' },
    'no-uml': { default: false, help: 'leave the User-Mode Linux guests out' },
  },
)
const seconds = Number(options.seconds ?? (options.quick ? 0.5 : 2))
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7))
const variants = options.spins.split(',').map((/** @type {string} */ name) => {
  const [spin = '', more] = name.split('+')
  if (!/^(\d+|found)$/.test(spin) || (more !== undefined && more !== 'awake')) {
    console.error(
      `--spins ${name}: give microseconds or "found", and "+awake" behind it where processors are kept awake`,
    )
    process.exit(2)
  }
  return { name, options: spin === 'found' ? {} : { spinUs: Number(spin) }, awake: more ? 1 : 0 }
})
const cases = [...variants.map(({ name }) => name), ...(options.testpmd ? ['testpmd'] : [])]
const intervals = numbers(options.intervals)
const guestSpinUs = Number(options['guest-spin'])
const IDLE_MS = options.quick ? 2000 : 5000
const SETTLE_MS = 200
const FIND_MS = 2000
const UML_SETTLE_MS = 3000
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02']

/** Two embedded guests on a switch for as long as an action takes. */
async function withGuests(running, roles, action) {
  const stops = []
  try {
    const guests = []
    for (const [index, role] of roles.entries()) {
      const guest = await EmbeddedWorker.start(connectUnix(running.sockets[index]), {
        ...{ mac: MACS[index], role, spinUs: guestSpinUs },
      })
      guests.push(guest)
      stops.push(undoLater(() => guest.stop()))
    }
    return await action(guests)
  } finally {
    for (const stop of stops) await stop()
    // The switch notices that they hung up.
    await sleep(50)
  }
}

/** What Ringferry tells of itself; testpmd tells nothing of the kind. */
const tuningOf = async (running) =>
  'snapshot' in running ? (await running.snapshot()).tuning : { spinUs: Number.NaN, wakeUs: Number.NaN }

/** What idle threads of a switch have burnt, in seconds. */
const burntSeconds = async (running) => ((await tuningOf(running)).awake?.burntUs ?? 0) / 1e6

/** Share of one processor that a switch takes while an action runs, in percent; what idle threads burn stands apart. */
async function cpuPercent(running, action) {
  const burntBefore = await burntSeconds(running)
  const [from, before] = [performance.now(), running.cpuSeconds()]
  const value = await action()
  const [ms, used] = [performance.now() - from, running.cpuSeconds() - before]
  const burnt = (await burntSeconds(running)) - burntBefore
  const percent = (s) => (Math.max(0, s) / ms) * 1e5
  return { value, cpuPercent: percent(used - burnt), burntPercent: percent(burnt) }
}

async function roundTrips(running, intervalUs) {
  const roles = [{ kind: 'echo' }, { kind: 'round-trip', to: MACS[0], frameBytes: 64, intervalUs }]
  return withGuests(running, roles, async ([, asker]) => {
    await sleep(SETTLE_MS)
    const { value, ...used } = await cpuPercent(running, async () => {
      await sleep(seconds * 1000)
      return asker.roundTrips()
    })
    const { spinUs, wakeUs } = await tuningOf(running)
    return { ...value, lost: asker.counters().lost, ...used, spinBoundUs: spinUs, wakeUs }
  })
}

function idle(running) {
  return withGuests(running, [{ kind: 'sink' }, { kind: 'sink' }], async () => {
    await sleep(SETTLE_MS)
    const { value: _, ...used } = await cpuPercent(running, () => sleep(IDLE_MS))
    return used
  })
}

async function idleUml() {
  const running = await startRingferry()
  await bootGuests(
    'idle',
    110,
    running.sockets.map((path) => ({ type: 'vhost-user', path })),
  )
  await sleep(UML_SETTLE_MS)
  const runs = []
  for (let round = 0; round < Math.min(rounds, 3) && !isEnding(); round++) {
    progress(`two quiet User-Mode Linux guests, ${round + 1}`)
    const { cpuPercent: percent } = await cpuPercent(running, () => sleep(IDLE_MS))
    runs.push({ round, guests: 'uml', cpuPercent: percent })
  }
  return runs
}

await runBench(async () => {
  const settings = { seconds, rounds, guestSpinUs, idleSeconds: IDLE_MS / 1000 }
  const machine = header('Round trip of 64-byte frames between two embedded guests, otherwise idle', settings)
  const switches = []
  for (const { name, options: engine, awake } of variants)
    switches.push(await startRingferry({ options: engine, awake, name }))
  if (options.testpmd) switches.push(await startTestpmd({ cpu: 0 }))
  // Each finds out what a wake-up costs.
  await sleep(FIND_MS)
  // Whoever is not measured is stopped: an idle switch still ticks.
  for (const running of switches) running.pause()
  const trips = []
  const quiet = []
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < cases.length && !isEnding(); turn++) {
      const at = (turn + round) % cases.length
      const [running, spin] = [switches[at], cases[at]]
      running.resume()
      for (const intervalUs of intervals) {
        progress(`round ${round + 1} of ${rounds}: spin ${spin}, pause ${intervalUs} us`)
        trips.push({ round, spin, intervalUs, ...(await roundTrips(running, intervalUs)) })
      }
      if (round < 3) {
        progress(`round ${round + 1} of ${rounds}: spin ${spin}, two quiet guests`)
        quiet.push({ round, guests: 'embedded', spin, ...(await idle(running)) })
      }
      running.pause()
    }
  for (const running of switches) await running.stop()
  if (!options['no-uml']) quiet.push(...(await idleUml()))
  progressEnd()
  const summary = []
  for (const intervalUs of intervals) {
    console.log(
      `\n${intervalUs === 0 ? 'one after the other' : `one every ${intervalUs} us`}: round trip in microseconds`,
    )
    const rows = cases.map((spin) => {
      const chosen = trips.filter((trip) => trip.spin === spin && trip.intervalUs === intervalUs)
      const figure = (name) => summarise(chosen.map((trip) => trip[name]))
      const row = {
        spin,
        intervalUs,
        boundUs: figure('spinBoundUs'),
        p50Us: figure('p50Us'),
        p90Us: figure('p90Us'),
        p99Us: figure('p99Us'),
        cpuPercent: figure('cpuPercent'),
        burntPercent: figure('burntPercent'),
      }
      summary.push(row)
      const lost = chosen.reduce((sum, trip) => sum + trip.lost, 0)
      return [
        spin,
        shown(row.boundUs),
        shown(row.p50Us),
        shown(row.p90Us),
        shown(row.p99Us),
        shown(row.cpuPercent),
        shown(row.burntPercent),
        lost,
      ]
    })
    table(['spin', 'bound us', 'p50', 'p90', 'p99', 'switch CPU %', 'burnt %', 'lost'], rows)
  }
  console.log('\ntwo quiet guests: processor time of the switch in percent of one processor (aim: below 1)')
  const kinds = [...new Set(quiet.map(({ guests, spin }) => `${guests}/${spin ?? 'default'}`))]
  table(
    ['guests', 'spin bound', 'switch CPU %', 'highest'],
    kinds.map((kind) => {
      const values = quiet.filter(({ guests, spin }) => `${guests}/${spin ?? 'default'}` === kind)
      const percent = values.map((value) => value.cpuPercent)
      const [guests, spin] = kind.split('/')
      return [guests, spin, shown(summarise(percent)), short(Math.max(...percent))]
    }),
  )
  save(options.json, { bench: 'latency', machine, settings, summary, trips, quiet })
})
