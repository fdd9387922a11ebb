import { type CapturedFrame, CaptureRingReader } from '../../src/core/capture-ring.js'
import { MAX_FRAME_BYTES } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'

/** Captures a port of an engine that the test steps itself. */
export function capturePort(engine: Engine, name: string, snapBytes = MAX_FRAME_BYTES) {
  const ring = engine.openCapture(name, snapBytes)
  const reader = new CaptureRingReader(engine.memory.memory.buffer, ring)
  return {
    reader,
    /** Takes all frames that are complete. */
    take: (): CapturedFrame[] => {
      const frames: CapturedFrame[] = []
      for (let frame = reader.take(); frame; frame = reader.take()) frames.push(frame)
      return frames
    },
    close: () => engine.closeCapture(ring),
  }
}

/** A captured frame in short: "ingress 60", "egress 60 no-hold", "egress 60 drop=ring_full". */
export function brief({ direction, sizeBytes, held, drop, joined }: CapturedFrame): string {
  return [
    direction,
    sizeBytes,
    ...(held ? [held.publish] : []),
    ...(joined ? ['joined'] : []),
    ...(drop === undefined ? [] : [`drop=${drop}`]),
  ].join(' ')
}
