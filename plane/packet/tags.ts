// What announces a VLAN tag, and what lies behind. frame/tags.ts judges the tags of a frame.
import {
  ETH_OLD_SERVICE,
  ETH_SERVICE,
  ETH_VLAN,
  ETHERNET_BYTES,
  MACS_BYTES,
  OLD_SERVICES,
  TAG_BYTES,
  TAG_CONTROL,
} from './packet'

/** Most tags that are read in front of a frame, here and by frame/tags.ts. */
export const MAX_TAGS: u32 = 2

/** Whether an EtherType (memory order) announces a tag: 8100, 88a8, 9100 to 9300. */
export function isTag(type: u32): boolean {
  return type === ETH_VLAN || type === ETH_SERVICE || type - ETH_OLD_SERVICE < OLD_SERVICES
}

/** Offset of the network header: behind Ethernet and up to two VLAN tags. */
export function networkOffset(at: usize, bytes: u32): u32 {
  let offset: u32 = ETHERNET_BYTES
  let type: u32 = load<u16>(at, MACS_BYTES)
  for (let tags: u32 = 0; tags < MAX_TAGS; tags++) {
    if (!isTag(type) || offset + TAG_BYTES > bytes) break
    type = load<u16>(at + offset, TAG_CONTROL)
    offset += TAG_BYTES
  }
  return offset
}
