// The first step of the slow path: from a transmitted chain to the frame at hand.
import { forward } from './bridge/bridge'
import { dropUnopened } from './capture/frames'
import { openFrame } from './frame/open'
import {
  DROP_BAD_ADDRESS,
  DROP_BAD_CHAIN,
  DROP_NO_LINK,
  DROP_TOO_LONG,
  MAX_FRAME_BYTES,
  V_HEADER_BYTES,
} from './layout'
import { indexOf } from './port'
import { chainBytes, isBad, READABLE, walk } from './ring/chain'
import { BAD_ADDRESS, MISS } from './ring/granules'

/** Takes one transmitted chain. Returns false when it must wait for guest memory to be mapped. */
export function takeChain(v: usize, port: usize, head: u32, live: boolean): boolean {
  const header = load<u32>(v, V_HEADER_BYTES)
  const limit = header + MAX_FRAME_BYTES
  const found = walk(v, head, READABLE, 0, limit)
  if (found === MISS) return false
  const bytes = <u32>min<u64>(chainBytes(), u32.MAX_VALUE)
  if (isBad(found))
    dropUnopened(port, found === BAD_ADDRESS ? DROP_BAD_ADDRESS : DROP_BAD_CHAIN, 0, header, false)
  else if (!live) dropUnopened(port, DROP_NO_LINK, bytes, header, false)
  else if (bytes > limit) dropUnopened(port, DROP_TOO_LONG, bytes, header, false)
  else {
    const reason = openFrame(port, bytes, header)
    if (reason >= 0) dropUnopened(port, reason, bytes, header, true)
    else forward(indexOf(port), port)
  }
  return true
}
