// Whether the checksums of a segment are right: what is merged gets new ones, which must hide no corruption.

import { sumBody } from '../frame/body'
import { flow, out } from '../frame/record'
import { IS_ACK, IS_V4 } from '../layout'
import { addSum, pseudoSum, sumBytes } from '../packet/checksum'
import { DATA_VALID, NEEDS_CSUM } from '../packet/net-header'
import { IPV4_BYTES } from '../packet/packet'

function isIpv4Right(): boolean {
  return (flow.kind & IS_V4) === 0 || sumBytes(out.head + flow.network, IPV4_BYTES) === 0xffff
}

function isTransportRight(): boolean {
  // An acknowledgement may be padded; the padding is not summed.
  const end = flow.kind & IS_ACK ? flow.headers : out.bytes
  const have = out.headBytes
  const transport = flow.transport
  const part = (end < have ? end : have) - transport
  const body = out.bytes > have ? sumBody() : 0
  let sum = pseudoSum(out.head + flow.network, flow.kind, end - transport)
  sum = addSum(sum, sumBytes(out.head + transport, part), false)
  return addSum(sum, body, (part & 1) !== 0) === 0xffff
}

/**
 * Tells whether the checksums of Out are right (flow.isIntact), so that writing new ones hides no corruption. All of it
 * is summed up if nobody vouches for it: only where it matters.
 */
export function checkSums(): boolean {
  const isVouched = (<u32>out.netHeader & (NEEDS_CSUM | DATA_VALID)) !== 0
  flow.isIntact = isIpv4Right() && (isVouched || isTransportRight())
  return flow.isIntact
}
