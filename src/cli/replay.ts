import { createReadStream } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { offloadOf } from '../capture/comment.js'
import type { FileCounts, FileFrame } from '../capture/file-frame.js'
import { readFrames } from '../capture/packet-file.js'
import { MAX_FRAME_BYTES, MIN_FRAME_BYTES } from '../core/layout.js'
import type { ApiClient } from '../daemon/api/client.js'
import { type InjectedFrameBody, injectFrames } from '../daemon/api/routes/replay.js'
import { RingferryError } from '../errors/errors.js'
import { type ControlOptions, clientOf, controlOption } from './control-options.js'
import { Interruption } from './interruption.js'
import { wholeNumber } from './options.js'
import { print, printJson } from './output.js'
import { Timetable } from './timetable.js'

interface ReplayOptions extends ControlOptions {
  readonly to?: boolean
  readonly rate?: number
  readonly fps?: number
  readonly topSpeed?: boolean
  readonly loop?: number
}

/** Frames and bytes of one request. */
const MAX_BATCH_FRAMES = 256
const MAX_BATCH_BYTES = 393_216

/** What became of the frames of a file. */
interface ReplayCounts {
  replayed: number
  /** Captured cut, too long or too short: what they were is not in the file, or fits no port. */
  truncated: number
  tooLong: number
  runt: number
  /** They went the other way when they were captured. */
  otherWay: number
}

const NOTES: readonly (readonly [keyof ReplayCounts, string])[] = [
  ['truncated', 'captured cut'],
  ['tooLong', `longer than ${MAX_FRAME_BYTES} bytes`],
  ['runt', `shorter than ${MIN_FRAME_BYTES} bytes`],
  ['otherWay', 'went the other way'],
]

/** Why a frame of the file is left out, or undefined. */
function leftOut(
  { data, sizeBytes, direction }: FileFrame,
  way: 'from' | 'to',
): keyof ReplayCounts | undefined {
  if (direction !== undefined && direction !== (way === 'from' ? 'ingress' : 'egress')) return 'otherWay'
  if (data.length < sizeBytes) return 'truncated'
  if (data.length > MAX_FRAME_BYTES) return 'tooLong'
  return data.length < MIN_FRAME_BYTES ? 'runt' : undefined
}

function bodyOf({ data, comment }: FileFrame): InjectedFrameBody {
  return { data: data.toString('base64'), ...offloadOf(comment) }
}

/** Sends frames in batches, each when its time has come. */
class Sender {
  readonly #client: ApiClient
  readonly #port: string
  readonly #way: 'from' | 'to'
  readonly #counts: ReplayCounts
  #batch: InjectedFrameBody[] = []
  #bytes = 0

  constructor(client: ApiClient, port: string, way: 'from' | 'to', counts: ReplayCounts) {
    this.#client = client
    this.#port = port
    this.#way = way
    this.#counts = counts
  }

  async add(frame: FileFrame): Promise<void> {
    if (this.#batch.length >= MAX_BATCH_FRAMES || this.#bytes + frame.data.length > MAX_BATCH_BYTES)
      await this.flush()
    this.#batch.push(bodyOf(frame))
    this.#bytes += frame.data.length
  }

  async flush(): Promise<void> {
    const frames = this.#batch
    if (frames.length === 0) return
    this.#batch = []
    this.#bytes = 0
    await this.#client.call(injectFrames, { params: { name: this.#port }, body: { way: this.#way, frames } })
    this.#counts.replayed += frames.length
  }
}

async function* openFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    if (path === '-') yield* process.stdin
    else yield* createReadStream(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EISDIR')
      throw new RingferryError('USAGE', `${path}: is a folder; give a pcap or pcapng file`, { cause })
    throw new RingferryError(
      code === 'ENOENT' ? 'NOT_FOUND' : 'PERMISSION',
      `${path}: cannot be read (${code}); give a pcap or pcapng file`,
      { cause },
    )
  }
}

async function replay(path: string, port: string, options: ReplayOptions): Promise<void> {
  const way = options.to ? 'to' : 'from'
  const counts: ReplayCounts = { replayed: 0, truncated: 0, tooLong: 0, runt: 0, otherWay: 0 }
  const fileCounts: FileCounts = { otherLinks: 0, isCut: false }
  if (path === '-' && (options.loop ?? 1) > 1)
    throw new RingferryError('USAGE', 'replay: standard input can be read once; give a file for --loop')
  const interruption = new Interruption()
  const sender = new Sender(clientOf(options), port, way, counts)
  for (let round = 0; round < (options.loop ?? 1) && !interruption.signal.aborted; round++) {
    const timetable = new Timetable(options, interruption.signal)
    for await (const frame of readFrames(openFile(path), path, fileCounts)) {
      const reason = leftOut(frame, way)
      if (reason !== undefined) {
        counts[reason]++
        continue
      }
      if (timetable.isEarly(frame.timeNs)) {
        await sender.flush()
        await timetable.wait()
      }
      if (interruption.signal.aborted) break
      await sender.add(frame)
    }
    await sender.flush()
  }
  if (options.json) {
    printJson({ ...counts, ...fileCounts })
    return
  }
  const notes = [
    ...NOTES.flatMap(([key, text]) => (counts[key] > 0 ? [`${counts[key]} ${text}`] : [])),
    ...(fileCounts.otherLinks > 0 ? [`${fileCounts.otherLinks} of links other than Ethernet`] : []),
  ]
  print(
    `${counts.replayed} frames replayed ${way} port ${port}${notes.length > 0 ? `; left out: ${notes.join(', ')}` : ''}${fileCounts.isCut ? '; the file ends within a packet' : ''}`,
  )
}

function factor(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('give a number above 0, 2 for twice as fast')
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('the frames of a pcap or pcapng file into a port, with the times between them')
    .argument('<file>', 'capture file; -: standard input')
    .argument('<port>', 'name of the port')
    .option('--from', 'they enter the switch as if they came from the port (default)')
    .option('--to', 'they leave by the port, to whoever is attached there, and go nowhere else')
    .option('--rate <factor>', 'so many times as fast as they were captured', factor)
    .option('--fps <frames>', 'so many frames a second', wholeNumber)
    .option('--top-speed', 'as fast as the switch takes them')
    .option('--loop <times>', 'so many times', wholeNumber)
    .addOption(controlOption())
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  ringferry replay g1.pcapng g1
  ringferry replay --to --rate 2 g1.pcapng g2
  ringferry replay --top-speed --loop 10 dns.pcap g1`,
    )
    .action(async (path: string, port: string, options: ReplayOptions & { readonly from?: boolean }) => {
      const { to, from, rate, fps, topSpeed } = options
      if (to && from) throw new RingferryError('USAGE', 'replay: give --from or --to, not both')
      if ([rate, fps, topSpeed].filter((each) => each !== undefined).length > 1)
        throw new RingferryError('USAGE', 'replay: give one of --rate, --fps and --top-speed')
      await replay(path, port, options)
    })
}
