/** The lab's workload `frames` as open-loop traffic of the simulator: for cells of a study, and for entries of a model file. */
import type { FramesSettings } from '../lab/workload/frames.js'
import type { Arrivals } from '../sim/model.js'

/** Traffic to one receiver. */
export interface FramesTraffic {
  readonly from: string
  readonly to: string
  readonly frameBytes: number | 'imix'
  readonly arrivals: Arrivals
  /** Frames a second; 0: as many as can be sent, of which this receiver has its share. */
  readonly rateFps: number
  /** Share of the frames that it gets. */
  readonly share: number
}

function arrivalsOf({ rateFps, arrivals, burstFrames }: FramesSettings): Arrivals {
  // As fast as possible leaves nothing to chance.
  if (rateFps === 0) return { kind: 'constant' }
  return arrivals === 'burst' ? { kind: 'bursts', frames: burstFrames } : { kind: arrivals }
}

/** An entry for each receiver: frames go to them in turn. */
export function framesTraffic(
  settings: FramesSettings,
  [vm, peer]: readonly [string, string],
): FramesTraffic[] {
  const { direction, frameBytes, rateFps, also } = settings
  const [from, receivers] = direction === 'from_vm' ? [vm, [peer]] : [peer, [vm, ...also]]
  const share = 1 / receivers.length
  const arrivals = arrivalsOf(settings)
  return receivers.map((to) => ({ from, to, frameBytes, arrivals, rateFps: rateFps * share, share }))
}
