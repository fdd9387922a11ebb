// Reads the first cache lines of a burst's frames in one tight loop. Their lines lie in the sender's cache; loads that
// do not depend on each other fetch them side by side, which the forwarding loop, being long, cannot. Nothing that is
// read here is used: a hostile guest gains nothing by changing it later.
import {
  G_PREFETCHED,
  GLOBALS_AT,
  P_SPAN,
  SPAN_COUNT,
  SPAN_ENTRIES,
  SPAN_FIRST,
  V_DESC,
  V_PORT,
  V_SIZE,
} from '../layout'
import { headAt } from './door'
import { peek } from './granules'
import { bufferBytes, descriptorAt, loadAddress, loadRest } from './split'

/** Distance of the second byte that is read of a frame: the next line. */
const CACHE_LINE: u32 = 64

/** Prefetches the frames of the next `burst` chains, which the ring holds. */
export function prefetch(v: usize, burst: u32): void {
  const table: usize = load<u32>(v, V_DESC)
  const size = load<u32>(v, V_SIZE)
  const span: usize = load<u32>(<usize>load<u32>(v, V_PORT), P_SPAN)
  const entries: usize = load<u32>(span, SPAN_ENTRIES)
  const first: u64 = load<u32>(span, SPAN_FIRST)
  const granules: u64 = load<u32>(span, SPAN_COUNT)
  let sum: u32 = 0
  for (let i: u32 = 0; i < burst; i++) {
    const head = headAt(v, i)
    if (head >= size) break
    const descriptor = descriptorAt(table, head)
    const hasSecond = bufferBytes(loadRest(descriptor)) > CACHE_LINE
    const at = peek(entries, first, granules, loadAddress(descriptor), CACHE_LINE + 1)
    sum += load<u8>(at)
    if (hasSecond) sum += load<u8>(at, CACHE_LINE)
  }
  store<u32>(GLOBALS_AT, sum, G_PREFETCHED)
}
