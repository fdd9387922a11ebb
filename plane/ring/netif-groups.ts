// The multicast groups that a netif frontend asks for in its transmit ring: the address table of its receive filter
// (PORT_FILTER), which the port opens when the frontend requests it. Source: netif.h (4.17), request-multicast-control.
import { MAX_FILTER_MACS, P_FILTER_MACS, P_FILTER_TABLE } from '../layout'
import { isGroup } from '../packet/packet'

function entryAt(port: usize, number: u32): usize {
  return port + P_FILTER_TABLE + ((<usize>number) << 3)
}

/** Adds a group to those that a port is sent, or takes it away. Returns false when there is no room, or it is no group. */
export function changeGroup(port: usize, isAdded: boolean, mac: u64): boolean {
  const count = load<u32>(port, P_FILTER_MACS)
  let number: u32 = 0
  while (number < count && load<u64>(entryAt(port, number)) !== mac) number++
  if (isAdded) {
    if (number < count) return true
    if (count >= <u32>MAX_FILTER_MACS || !isGroup(mac)) return false
    store<u64>(entryAt(port, count), mac)
    store<u32>(port, count + 1, P_FILTER_MACS)
    return true
  }
  if (number === count) return true
  store<u64>(entryAt(port, number), load<u64>(entryAt(port, count - 1)))
  store<u32>(port, count - 1, P_FILTER_MACS)
  return true
}
