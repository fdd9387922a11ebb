// What one burst may cost. How long a descriptor chain, how many segments and how many receivers a frame has is for
// guests to choose; the engine serves everybody else only after the burst. So the slow path counts what it does, in
// units of some 50 ns, and a burst ends with the frame that uses up its share. A single frame that would cost many
// times that (segments cut for a hundred receivers) is dropped, and counted, for the receivers it has not reached.
//
// The fast path needs no count: its work per frame is fixed.
import { G_WORK_LEFT, GLOBALS_AT } from './layout'

/** Units of a burst: a full burst of super-frames from guest to guest takes half of them. */
const BURST_UNITS: i32 = 4096
/** A frame may overdraw by so many: an unsegmented super-frame to every port of a full switch takes half of them. */
const OVERDRAFT_UNITS: i32 = 65536
/** Copying this many bytes (a power of two) is one unit. */
const UNIT_SHIFT: u32 = 8

/** Begins a burst. */
export function openWork(): void {
  store<i32>(GLOBALS_AT, BURST_UNITS, G_WORK_LEFT)
}

/** Begins a frame of a host port: what the frames before it overdrew is not its own. */
export function openFrameWork(): void {
  if (isSpent()) store<i32>(GLOBALS_AT, 0, G_WORK_LEFT)
}

/** Counts so many small steps: descriptors read, segments passed. */
export function spend(units: u32): void {
  store<i32>(GLOBALS_AT, load<i32>(GLOBALS_AT, G_WORK_LEFT) - <i32>units, G_WORK_LEFT)
}

/** Counts a frame written for one receiver. */
export function spendFrame(bytes: u32): void {
  spend(1 + (bytes >> UNIT_SHIFT))
}

/** Whether the burst must end with the frame at hand. */
export function isSpent(): boolean {
  return load<i32>(GLOBALS_AT, G_WORK_LEFT) <= 0
}

/** Whether even the frame at hand must reach no more receivers. */
export function isOverdrawn(): boolean {
  return load<i32>(GLOBALS_AT, G_WORK_LEFT) < -OVERDRAFT_UNITS
}
