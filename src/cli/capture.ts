import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { startCapture } from '../daemon/api/routes/captures.js'
import { RingferryError } from '../errors/errors.js'
import { unwritable } from '../sys/output-file.js'
import { type ControlOptions, clientOf, controlOption } from './control-options.js'
import { Interruption } from './interruption.js'
import { wholeNumber } from './options.js'
import { printJson } from './output.js'
import { PcapngTail } from './pcapng-tail.js'

interface CaptureOptions extends ControlOptions {
  readonly write: string
  readonly filter?: string
  readonly snaplen?: number
  readonly count?: number
}

/** Where the file goes. Throws PERMISSION, NOT_FOUND or USAGE for a file that cannot be made. */
async function openOutput(path: string): Promise<NodeJS.WritableStream> {
  if (path === '-') return process.stdout
  const file = createWriteStream(path)
  await new Promise<void>((resolve, reject) => {
    file.once('open', () => resolve())
    file.once('error', (cause: NodeJS.ErrnoException) => reject(unwritable(path, cause)))
  })
  return file
}

async function capture(port: string, options: CaptureOptions): Promise<void> {
  const { write, filter, snaplen, count, json } = options
  if (write === '-' && process.stdout.isTTY)
    throw new RingferryError(
      'USAGE',
      'capture: pcapng is no text for a terminal; give -w FILE, or pipe it: ringferry capture PORT | tshark -r -',
    )
  if (json && write === '-')
    throw new RingferryError('USAGE', 'capture: standard output has the frames; --json needs -w FILE')
  const interruption = new Interruption()
  const tail = new PcapngTail()
  try {
    const response = await clientOf(options).stream(
      startCapture,
      {
        body: {
          port,
          ...(filter === undefined ? {} : { filter }),
          ...(snaplen === undefined ? {} : { snapBytes: snaplen }),
          ...(count === undefined ? {} : { count }),
        },
      },
      interruption.signal,
    )
    // The port is there and the filter is right: only now is a file replaced.
    const output = await openOutput(write).catch((error: unknown) => {
      response.destroy()
      throw error
    })
    await pipeline(response, tail, output, { end: output !== process.stdout })
  } catch (error) {
    // Ctrl-C, and a reader that has enough, end a capture in order: what was written is whole blocks.
    if (!interruption.signal.aborted && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
  if (json) printJson({ file: write, frames: tail.frames, summary: tail.summary })
  else process.stderr.write(`ringferry: ${tail.summary}\n`)
}

export function addCapture(program: Command): void {
  program
    .command('capture')
    .description('what crosses a port, dropped frames included, as pcapng with hold times and drop reasons')
    .argument('<port>', 'name of the port')
    .option('-w, --write <file>', 'file to write; -: standard output', '-')
    .option('--filter <expression>', 'which frames: a part of pcap-filter, see docs/capture.md')
    .option('--snaplen <bytes>', 'most bytes kept of a frame', wholeNumber)
    .option('--count <frames>', 'end after so many frames', wholeNumber)
    .addOption(controlOption())
    .option('--json', 'with -w FILE: how it ended, as one JSON line')
    .addHelpText(
      'after',
      `
Examples:
  ringferry capture g1 -w g1.pcapng
  ringferry capture g1 | tshark -r - -T fields -e frame.number -e frame.comment
  ringferry capture g1 --filter 'dropped or (udp port 53)' --count 100 -w dns.pcapng
  ringferry capture g1 | wireshark -k -i -`,
    )
    .action(capture)
}
