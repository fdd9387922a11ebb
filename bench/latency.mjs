// What waking up costs: the round trip of a 64-byte frame between two embedded guests when the switch is otherwise
// idle, and the processor time that the switch takes for it, for each bound on its spinning; and what it takes when
// nothing happens at all.

import { EmbeddedWorker } from '../dist/embedded/worker.js'
import { connectUnix } from '../dist/sys/unix-socket.js'
import { isEnding, runBench, sleep, undoLater } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, save, short, shown, summarise, table } from './lib/report.mjs'
import { startRingferry } from './lib/switches.mjs'
import { bootGuests } from './lib/uml-guests.mjs'

const options = readOptions(
  'latency',
  'round trip of 64-byte frames between idle guests, and CPU while idle',
  {
    rounds: { default: undefined, help: 'rounds, each with every case (default 7; quick 3)' },
    spins: { default: '0,20,50,100,200', help: 'spin bounds of the engine in microseconds' },
    intervals: { default: '0,1000', help: 'pauses between two round trips in microseconds' },
    'guest-spin': {
      default: '0',
      help: 'how long the guests poll their rings before they sleep, microseconds',
    },
    'no-uml': { default: false, help: 'leave the User-Mode Linux guests out' },
  },
)
const seconds = Number(options.seconds ?? (options.quick ? 0.5 : 2))
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7))
const spins = numbers(options.spins)
const intervals = numbers(options.intervals)
const guestSpinUs = Number(options['guest-spin'])
const IDLE_MS = options.quick ? 2000 : 5000
const SETTLE_MS = 200
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

/** Share of one processor that a switch takes while an action runs, in percent. */
async function cpuPercent(running, action) {
  const [from, before] = [performance.now(), running.cpuSeconds()]
  const value = await action()
  return { value, cpuPercent: ((running.cpuSeconds() - before) / (performance.now() - from)) * 1e5 }
}

async function roundTrips(running, intervalUs) {
  const roles = [{ kind: 'echo' }, { kind: 'round-trip', to: MACS[0], frameBytes: 64, intervalUs }]
  return withGuests(running, roles, async ([, asker]) => {
    await sleep(SETTLE_MS)
    const { value, cpuPercent: percent } = await cpuPercent(running, async () => {
      await sleep(seconds * 1000)
      return asker.roundTrips()
    })
    return { ...value, lost: asker.counters().lost, cpuPercent: percent }
  })
}

function idle(running) {
  return withGuests(running, [{ kind: 'sink' }, { kind: 'sink' }], async () => {
    await sleep(SETTLE_MS)
    const { cpuPercent: percent } = await cpuPercent(running, () => sleep(IDLE_MS))
    return { cpuPercent: percent }
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
  for (const spinUs of spins)
    switches.push(await startRingferry({ options: { spinUs }, name: `spin${spinUs}` }))
  // Whoever is not measured is stopped: an idle switch still ticks.
  for (const running of switches) running.pause()
  const trips = []
  const quiet = []
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < spins.length && !isEnding(); turn++) {
      const at = (turn + round) % spins.length
      const [running, spinUs] = [switches[at], spins[at]]
      running.resume()
      for (const intervalUs of intervals) {
        progress(`round ${round + 1} of ${rounds}: spin ${spinUs} us, pause ${intervalUs} us`)
        trips.push({ round, spinUs, intervalUs, ...(await roundTrips(running, intervalUs)) })
      }
      if (round < 3) {
        progress(`round ${round + 1} of ${rounds}: spin ${spinUs} us, two quiet guests`)
        quiet.push({ round, guests: 'embedded', spinUs, ...(await idle(running)) })
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
    const rows = spins.map((spinUs) => {
      const chosen = trips.filter((trip) => trip.spinUs === spinUs && trip.intervalUs === intervalUs)
      const figure = (name) => summarise(chosen.map((trip) => trip[name]))
      const row = {
        spinUs,
        intervalUs,
        p50Us: figure('p50Us'),
        p90Us: figure('p90Us'),
        p99Us: figure('p99Us'),
        cpuPercent: figure('cpuPercent'),
      }
      summary.push(row)
      const lost = chosen.reduce((sum, trip) => sum + trip.lost, 0)
      return [
        `${spinUs} us`,
        shown(row.p50Us),
        shown(row.p90Us),
        shown(row.p99Us),
        shown(row.cpuPercent),
        lost,
      ]
    })
    table(['spin bound', 'p50', 'p90', 'p99', 'switch CPU %', 'lost'], rows)
  }
  console.log('\ntwo quiet guests: processor time of the switch in percent of one processor (aim: below 1)')
  const kinds = [...new Set(quiet.map(({ guests, spinUs }) => `${guests}/${spinUs ?? 'default'}`))]
  table(
    ['guests', 'spin bound', 'switch CPU %', 'highest'],
    kinds.map((kind) => {
      const values = quiet.filter(({ guests, spinUs }) => `${guests}/${spinUs ?? 'default'}` === kind)
      const percent = values.map((value) => value.cpuPercent)
      const [guests, spin] = kind.split('/')
      return [guests, spin, shown(summarise(percent)), short(Math.max(...percent))]
    }),
  )
  save(options.json, { bench: 'latency', machine, settings, summary, trips, quiet })
})
