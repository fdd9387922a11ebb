// Whether the checksums of a segment are right: what is merged gets new ones, which must hide no corruption.

import { sumBody } from '../frame/body'
import { flow, out } from '../frame/record'
import { IS_ACK, IS_V4 } from '../layout'
import { addSum, pseudoSum, sumBytes } from '../packet/checksum'
import { csumOffsetOf, DATA_VALID, NEEDS_CSUM } from '../packet/net-header'
import { IPV4_BYTES, IPV6_BYTES } from '../packet/packet'

function isIpv4Right(): boolean {
  return (flow.kind & IS_V4) === 0 || sumBytes(out.head + flow.network, IPV4_BYTES) === 0xffff
}

/**
 * Whether its virtio-net header vouches for the transport checksum. Behind extension headers that is not enough: they may
 * put an address into the pseudo header that the IP header does not have, a home address for example, and what is
 * merged gets the sum of the IP header's. Source: RFC 6275, 11.3.1.
 */
function isVouched(end: u32): boolean {
  const flags = <u32>out.netHeader
  const transport = flow.transport
  if (flow.kind & IS_V4 || transport === flow.network + IPV6_BYTES)
    return (flags & (NEEDS_CSUM | DATA_VALID)) !== 0
  if ((flags & NEEDS_CSUM) === 0) return false
  const sum: u32 = load<u16>(out.head + transport + csumOffsetOf(flow.kind))
  return sum === pseudoSum(out.head + flow.network, flow.kind, end - transport)
}

function isTransportRight(end: u32): boolean {
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
  // An acknowledgement may be padded; the padding is not summed.
  const end = flow.kind & IS_ACK ? flow.headers : out.bytes
  flow.isIntact = isIpv4Right() && (isVouched(end) || isTransportRight(end))
  return flow.isIntact
}
