import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { RingferryError } from '../errors/errors.js'
import { chooseKind } from '../lab/demo/choose.js'
import { runDemo } from '../lab/demo/demo.js'
import { DEMO_KINDS, type DemoKind, type DemoRun, demoResultSchema } from '../lab/demo/result.js'
import { fetchGuestPackages } from '../lab/guest/fetch.js'
import { findTool } from '../lab/guest/tools.js'
import { bestGuestKind } from '../lab/machine/doctor.js'
import { describeMachine } from '../lab/machine/machine.js'
import { Interruption } from './interruption.js'
import { formatTable, print, shortNumber } from './output.js'

const HEAD = ['guests', 'mode', 'direction', 'Mb/s', 'RTT us', 'frames', 'calls', 'calls/frame', 'drops']
const RIGHT = [3, 4, 5, 6, 7, 8]
const SECOND_MS = 1000

interface DemoCommandOptions {
  readonly guests?: DemoKind
  readonly json?: string
}

/** The table of a demo. Directions are named from the measured guest, g1. */
export function demoTable(runs: readonly DemoRun[]): string {
  const rows = runs.map((run) => [
    run.guestKind,
    run.mode,
    run.direction,
    Math.round(run.mbps).toString(),
    run.rttUs === null ? '-' : Math.round(run.rttUs).toString(),
    shortNumber(run.frames),
    shortNumber(run.calls),
    run.frames === 0 ? '-' : (run.calls / run.frames).toFixed(4),
    shortNumber(Object.values(run.drops).reduce((sum, frames) => sum + frames, 0)),
  ])
  return formatTable(HEAD, rows, RIGHT)
}

/** Finds out before the work that a result can be written after it. */
function checkWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new RingferryError(
      code === 'ENOENT' ? 'NOT_FOUND' : 'PERMISSION',
      `${file}: its folder ${code === 'ENOENT' ? 'does not exist' : 'cannot be written'}; choose another`,
      { cause },
    )
  }
}

function writeResult(file: string, runs: readonly DemoRun[]): void {
  const result = demoResultSchema.parse({ machine: { ...describeMachine() }, runs })
  try {
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new RingferryError('PERMISSION', `${file}: cannot be written (${code}); choose another`, { cause })
  }
}

async function demo(options: DemoCommandOptions): Promise<void> {
  const { guests, json } = options
  if (json !== undefined) checkWritable(json)
  const interruption = new Interruption()
  const startMs = performance.now()
  const progress = (text: string): void => {
    const seconds = ((performance.now() - startMs) / SECOND_MS).toFixed(1)
    print(`${seconds.padStart(6)} s  ${text}`)
  }
  const tools = {
    has: (program: string) => findTool(program) !== undefined,
    best: async () => bestGuestKind(),
    fetch: async () => {
      await fetchGuestPackages({ onProgress: progress, signal: interruption.signal })
    },
  }
  const kind = await chooseKind(guests, tools, progress)
  progress(`two ${kind} guests on one switch; g1 is measured, g2 is its peer`)
  const runs = await runDemo({ kind, progress, signal: interruption.signal })
  print(`\n${demoTable(runs)}`)
  if (json !== undefined) {
    writeResult(json, runs)
    print(`\nwritten to ${json}`)
  }
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('two guests exchange traffic through a switch, measured; at most two minutes')
    .addOption(
      new Option('--guests <kind>', 'kind of guests; default: the best there is').choices([...DEMO_KINDS]),
    )
    .option('--json <file>', 'write the result as data, too (schema: docs/schema/demo.schema.json)')
    .addHelpText(
      'after',
      `
For both ways of telling a guest of frames (natural: once a burst; per-packet: at each) and both directions:
TCP throughput (iperf3), round trip time (ping), and what the port of g1 counted. Embedded guests are threads
that drive real rings; they send frames of 1514 bytes at full speed instead of TCP.

Examples:
  ringferry demo
  ringferry demo --guests embedded
  ringferry demo --guests uml --json result.json`,
    )
    .action(demo)
}
