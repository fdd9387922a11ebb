import { PcapngWriter } from '../capture/pcapng.js'
import type { Capture } from '../engine/capture.js'

/** So often something is written, if only statistics: a silent stream would look like one that hangs. */
const SILENCE_MS = 5_000
/** Bytes that are handed on at once. */
const CHUNK_BYTES = 65_536

/** What is said at the end of a capture: "12 of 40 frames captured, 28 lost because ...; port g1 was removed". */
export function endText(capture: Capture): string {
  const { seen, captured, missed } = capture.statistics
  const sampled = missed > 0 ? `, sampled: ${missed} came too fast or were not read in time` : ''
  return `${captured} of ${seen} frames captured${sampled}; ${capture.endReason ?? 'it goes on'}`
}

/**
 * A capture as a pcapng file, piece by piece, until the capture ends or nobody wants more. While nobody takes the next piece
 * frames are lost, and counted in the file.
 */
export async function* capturePcapng(capture: Capture): AsyncGenerator<Buffer> {
  const writer = new PcapngWriter(capture.head)
  let lastUs = 0
  try {
    yield writer.start()
    for (;;) {
      await capture.ready(SILENCE_MS)
      const frames = capture.take()
      if (frames.length === 0) {
        const isOver = capture.endReason !== undefined
        yield writer.statistics(capture.statistics, lastUs, isOver ? endText(capture) : '')
        if (isOver) return
      }
      let blocks: Buffer[] = []
      let bytes = 0
      for (const frame of frames) {
        const block = writer.frame(frame)
        blocks.push(block)
        bytes += block.length
        if (bytes < CHUNK_BYTES) continue
        yield Buffer.concat(blocks)
        blocks = []
        bytes = 0
      }
      if (bytes > 0) yield Buffer.concat(blocks)
      lastUs = frames.at(-1)?.timeUs ?? lastUs
    }
  } finally {
    capture.close()
  }
}
