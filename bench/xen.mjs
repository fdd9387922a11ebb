// Backends of Xen's vifs side by side, in a real driver domain: the kernel's netback behind a Linux bridge, and Ringferry with
// each policy. The machine is emulated (QEMU without KVM), so rates are those of the emulation: look at the ratios.
import { isEnding, reasonOf, runBench } from './lib/cleanup.mjs'
import { numbers, readOptions } from './lib/options.mjs'
import { choosePolicies } from './lib/policies.mjs'
import { header, progress, progressEnd, ratio, save, short, shown, summarise, table } from './lib/report.mjs'
import { startXenBed } from './xen/bed.mjs'
import { DIRECTIONS, measureFrames, measureTcp } from './xen/traffic.mjs'

const options = readOptions('xen', "netback of the kernel and Ringferry in an emulated Xen's driver domain", {
  directions: {
    default: Object.keys(DIRECTIONS).join(','),
    help: 'which way: guest to driver domain, back, guest to guest',
  },
  sizes: { default: undefined, help: 'frame lengths in bytes (default 64,512,1500; quick 64,1500)' },
  rounds: { default: undefined, help: 'rounds, each with every backend and policy (default 3; quick 1)' },
  hold: { default: '1000', help: 'policy fixed: hold time in us' },
  guests: { default: 'pv', help: 'what the guests are: pv or pvh' },
  cpus: { default: '1', help: 'processors of the emulated machine' },
  icount: {
    default: undefined,
    help: "an instruction takes 2^N ns of the machine's time, whatever else the host does; one processor only",
  },
})
const icountShift = options.icount === undefined ? undefined : Number(options.icount)
const seconds = Number(options.seconds ?? (options.quick ? 2 : 3))
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))
const sizes = numbers(options.sizes ?? (options.quick ? '64,1500' : '64,512,1500'))
const directions = options.directions.split(',')
if (!['pv', 'pvh'].includes(options.guests)) {
  console.error(`--guests is pv or pvh, not "${options.guests}"`)
  process.exit(2)
}
const TCP = 'tcp'
const FIXED_FRAMES = 64
/** What all others are compared with. */
const REFERENCES = ['per-packet', 'kernel']

const policies = choosePolicies({
  names: ['per-packet', 'natural', 'fixed', 'adaptive'],
  holds: numbers(options.hold),
  frames: [FIXED_FRAMES],
  budgets: [0.8],
})
const variants = [
  { label: 'kernel', backend: 'kernel', policy: undefined },
  ...policies.map(({ name, policy }) => ({ label: name, backend: 'ringferry', policy })),
]
const cases = directions.flatMap((direction) =>
  [...sizes, TCP].map((load) => ({
    direction,
    load,
    runs: new Map(variants.map(({ label }) => [label, []])),
  })),
)

async function measure(bed, { direction, load }, { backend, policy }) {
  if (policy) {
    await bed.ringferry.tune({ policy })
    await bed.ringferry.untilDecided()
  }
  if (load === TCP) return await measureTcp(bed, { direction, backend, seconds })
  return await measureFrames(bed, { direction, backend, seconds, bytes: load })
}

/** Medians of a case, and each variant's rate over that of the references. */
function summary({ direction, load, runs }) {
  const rate = load === TCP ? 'mbps' : 'fps'
  return variants.map(({ label }) => {
    const all = runs.get(label)
    const of = (field) => summarise(all.map((run) => run[field]))
    const over = (reference) =>
      ratio(
        all.map((run) => run[rate]),
        runs.get(reference).map((run) => run[rate]),
      )
    return {
      ...{ direction, load, label },
      fps: of('fps'),
      mbps: of('mbps'),
      over: Object.fromEntries(REFERENCES.map((name) => [name, over(name)])),
      copies: of('copiesPerFrame'),
      lists: of('listsPerFrame'),
      events: of('eventsPerFrame'),
      dom0Us: of('dom0UsPerFrame'),
      busyUs: of('busyUsPerFrame'),
    }
  })
}

function report(rows) {
  for (const direction of directions) {
    console.log(`\n${direction}: ${DIRECTIONS[direction].join(' -> ')}`)
    const mine = rows.filter((row) => row.direction === direction)
    table(
      [
        'load',
        'backend',
        'frames/s',
        'Mb/s',
        ...REFERENCES.map((name) => `over ${name}`),
        'copies/frame',
        'lists/frame',
        'events/frame',
        'dom0 us/frame',
        'all us/frame',
      ],
      mine.map((row) => [
        row.load === TCP ? 'TCP' : `${row.load} B`,
        row.label,
        shown(row.fps),
        shown(row.mbps),
        ...REFERENCES.map((name) => shown(row.over[name])),
        ...['copies', 'lists', 'events', 'dom0Us', 'busyUs'].map((field) => short(row[field].estimate)),
      ]),
    )
  }
}

/** All cases and variants of a round; another variant begins each. Returns what failed. */
async function runRound(bed, round) {
  const failures = []
  for (const each of cases)
    for (let turn = 0; turn < variants.length && !isEnding(); turn++) {
      const variant = variants[(turn + round) % variants.length]
      const what = `round ${round + 1} of ${rounds}: ${each.direction} ${each.load} ${variant.label}`
      progress(what)
      try {
        each.runs.get(variant.label).push(await measure(bed, each, variant))
      } catch (error) {
        // Counted, and said below the tables; a ratio is drawn over what was measured.
        failures.push(`${what}: ${reasonOf(error)}`)
        each.runs.get(variant.label).push({})
      }
    }
  return failures
}

await runBench(async () => {
  const settings = {
    seconds,
    rounds,
    cpus: Number(options.cpus),
    icountShift,
    guests: options.guests,
    holdUs: options.hold,
    frames: FIXED_FRAMES,
  }
  const machine = header("Xen's vifs: kernel netback and Ringferry in an emulated driver domain", settings)
  const bed = await startXenBed({ cpus: Number(options.cpus), icountShift, type: options.guests })
  const failures = []
  for (let round = 0; round < rounds && !isEnding(); round++) failures.push(...(await runRound(bed, round)))
  progressEnd()
  const rows = cases.flatMap(summary)
  report(rows)
  for (const failure of failures) console.log(`not measured: ${failure}`)
  const raw = cases.map(({ runs, ...rest }) => ({ ...rest, runs: Object.fromEntries(runs) }))
  save(options.json, { bench: 'xen', machine, settings, summary: rows, raw, failures })
  if (failures.length > 0) process.exitCode = 1
})
