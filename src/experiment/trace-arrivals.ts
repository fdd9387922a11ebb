/** Captures as arrivals: when frames came, and how large they were. */
import { createReadStream } from 'node:fs'
import { readFrames } from '../capture/packet-file.js'
import { RingferryError } from '../errors/errors.js'

/** Frames of a capture. */
export interface Trace {
  /** Microseconds since the first one, ascending. */
  readonly atUs: Float64Array
  /** Frames without checksum. */
  readonly bytes: Float64Array
}

const MOST_FRAMES = 10_000_000

/** Reads a capture file (pcap, pcapng). Throws NOT_FOUND, PERMISSION, USAGE. */
export async function readTrace(path: string): Promise<Trace> {
  const atUs: number[] = []
  const bytes: number[] = []
  let firstNs: bigint | undefined
  try {
    for await (const frame of readFrames(createReadStream(path), path, { otherLinks: 0, isCut: false })) {
      firstNs ??= frame.timeNs
      const us = Number(frame.timeNs - firstNs) / 1000
      atUs.push(Math.max(atUs.at(-1) ?? 0, us))
      bytes.push(frame.sizeBytes)
      if (atUs.length > MOST_FRAMES)
        throw new RingferryError('USAGE', `${path}: more than ${MOST_FRAMES} frames; cut it`)
    }
  } catch (cause) {
    if (cause instanceof RingferryError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new RingferryError('NOT_FOUND', `${path}: there is no such capture file`, { cause })
    throw new RingferryError('PERMISSION', `${path}: cannot be read (${code})`, { cause })
  }
  if (atUs.length < 2 || atUs.at(-1) === 0)
    throw new RingferryError(
      'USAGE',
      `${path}: fewer than two frames at different times; nothing can be repeated`,
    )
  return { atUs: Float64Array.from(atUs), bytes: Float64Array.from(bytes) }
}

/** The same at another mean rate. */
export function atRate(
  { atUs, bytes }: Trace,
  rateFps: number | undefined,
): Trace & { readonly rateFps: number } {
  const recorded = ((atUs.length - 1) / atUs.at(-1)!) * 1e6
  const factor = recorded / (rateFps ?? recorded)
  return { atUs: atUs.map((us) => us * factor), bytes, rateFps: rateFps ?? recorded }
}
