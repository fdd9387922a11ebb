// Cost of a frame by the number of ports and addresses, in one thread. Circles: the plane alone, all ports are active.
// At rest: the engine's turns, two ports are active and the others quiet. And what a port takes of memory.
import { MAX_FDB_ENTRIES } from '../dist/core/layout.js'
import { median } from '../dist/stats/summary.js'
import { BURST } from './lib/cases.mjs'
import { isEnding, runBench, sleep } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { header, progress, progressEnd, ratio, save, shown, table } from './lib/report.mjs'
import { startAtRest } from './scale/at-rest.mjs'
import { FRAME_BYTES, startCircle } from './scale/circle.mjs'

const options = readOptions('scale', 'nanoseconds that the switch takes for a frame by ports and addresses', {
  ports: { default: '2,8,64', help: 'numbers of ports' },
  addresses: {
    default: '2,8,64,512,4096,16384,32768,65536',
    help: `numbers of addresses of all ports together, at least one each; ${MAX_FDB_ENTRIES} are learned`,
  },
})
const seconds = Number(options.seconds ?? (options.quick ? 0.2 : 1))
const portCounts = numbers(options.ports)
const addressCounts = numbers(options.addresses)
const MIN_ROUNDS = 5
const ROUND_MS = 20
const NS_PER_MS = 1e6
/** Until everything is compiled and learned. */
const WARM_UP_LAPS = 20
/** Entries of a guest's rings: the same for each, or the same for all together. */
const RING_SIZE = 256
const [FEWEST, MOST] = [Math.min(...portCounts), Math.max(...portCounts)]
const MEMORIES = [
  { memory: 'each', about: 'the same guest memory for each port', ringSize: () => RING_SIZE },
  {
    memory: 'all',
    about: `the same guest memory for all ports together, that of ${MOST} above`,
    ringSize: (ports) => (RING_SIZE * 2 ** Math.round(Math.log2(MOST))) / 2 ** Math.round(Math.log2(ports)),
  },
]

/** Nanoseconds a frame, round by round, and what the slow path charged for one. */
async function measure(circle) {
  const learning = Math.ceil(circle.each / BURST) * 2
  for (let laps = 0; laps < learning && !isEnding(); laps++) circle.lap()
  const rounds = []
  let [frames, work] = [0, 0]
  const until = performance.now() + seconds * 1000
  while ((rounds.length < MIN_ROUNDS || performance.now() < until) && !isEnding()) {
    const end = performance.now() + ROUND_MS
    const round = { frames: 0, ms: 0 }
    while (performance.now() < end) {
      const cost = circle.lap()
      round.frames += cost.frames
      round.ms += cost.ms
      work += cost.work
    }
    frames += round.frames
    rounds.push((round.ms * NS_PER_MS) / round.frames)
    await sleep(0)
  }
  return { rounds, workPerFrame: work / frames }
}

/** Two ports that work beside more and more at rest, in alternated rounds. Nanoseconds a frame, by number of ports. */
async function measureAtRest() {
  const beds = portCounts.filter((ports) => ports >= 2).map((ports) => ({ ports, ...startAtRest(ports) }))
  const rounds = beds.map(() => /** @type {number[]} */ ([]))
  const until = performance.now() + seconds * 1000 * beds.length
  for (const { lap } of beds) for (let laps = 0; laps < WARM_UP_LAPS; laps++) lap()
  while ((rounds[0].length < MIN_ROUNDS || performance.now() < until) && !isEnding()) {
    for (const [at, { lap }] of beds.entries()) {
      const round = { frames: 0, ms: 0 }
      const end = performance.now() + ROUND_MS
      while (performance.now() < end) {
        const { frames, ms } = lap()
        round.frames += frames
        round.ms += ms
      }
      rounds[at].push((round.ms * NS_PER_MS) / round.frames)
    }
    await sleep(0)
  }
  for (const { close } of beds) close()
  return beds.map(({ ports }, at) => ({ ports, rounds: rounds[at] }))
}

/** Best and median, as "12.3 (14.5)". */
const bestAndMedian = (rounds) => `${Math.min(...rounds).toFixed(1)} (${median(rounds).toFixed(1)})`

/** One table of the circles: a row an address count, a column a number of ports; the last says how the curve goes. */
function showCircles(results, about) {
  console.log(`\n${about}: nanoseconds a frame in the plane, best (median)`)
  const found = (ports, addresses) =>
    results.find((each) => each.ports === ports && each.addresses === addresses)
  const cell = (ports, addresses) => {
    const one = found(ports, addresses)
    if (!one) return ''
    const mark = one.workPerFrame > 0 ? ` w${one.workPerFrame.toFixed(1)}` : ''
    return `${bestAndMedian(one.rounds)}${mark}`
  }
  const curve = (addresses) => {
    const [few, many] = [found(FEWEST, addresses), found(MOST, addresses)]
    return few && many ? (Math.min(...many.rounds) / Math.min(...few.rounds)).toFixed(2) : ''
  }
  table(
    ['addresses', ...portCounts.map((ports) => `${ports} ports`), `${MOST} / ${FEWEST}`],
    addressCounts.map((addresses) => [
      String(addresses),
      ...portCounts.map((ports) => cell(ports, addresses)),
      curve(addresses),
    ]),
  )
}

await runBench(async () => {
  const settings = { seconds, burst: BURST, bytes: FRAME_BYTES }
  const machine = header('A frame by the number of ports and addresses, in one thread', settings)
  const circles = []
  for (const { memory, ringSize } of MEMORIES)
    for (const ports of portCounts)
      for (const addresses of addressCounts) {
        if (addresses < ports || isEnding()) continue
        progress(`memory the same for ${memory}: ${ports} ports, ${addresses} addresses`)
        const circle = startCircle(ports, addresses, ringSize(ports))
        const { entries, portBytes } = circle
        circles.push({ memory, ports, addresses, entries, portBytes, ...(await measure(circle)) })
        circle.close()
      }
  progress('ports at rest')
  const atRest = await measureAtRest()
  progressEnd()
  for (const { memory, about } of MEMORIES)
    showCircles(
      circles.filter((each) => each.memory === memory),
      about,
    )
  console.log(
    'w: units of work that the slow path charged for a frame; above the limit addresses are not learned',
  )
  console.log('\ntwo ports that work, the others at rest: nanoseconds a frame in turns of the engine')
  table(
    ['ports', 'best (median)', `best / ${FEWEST} ports`, 'medians'],
    atRest.map(({ ports, rounds }) => [
      String(ports),
      bestAndMedian(rounds),
      (Math.min(...rounds) / Math.min(...atRest[0].rounds)).toFixed(2),
      shown(ratio(rounds, atRest[0].rounds)),
    ]),
  )
  const [first] = circles
  console.log(
    `\nmemory of a port with a guest on one queue pair: ${Math.round(first.portBytes / 1024)} KiB, its guest's not counted`,
  )
  save(options.json, { bench: 'scale', machine, settings, circles, atRest })
})
