// VLAN tags in front of a frame. What is judged is what a receiver will see:
//
//   | addresses | priority tag (VID 0) ... | VLAN tag | data            the VLAN is the first tag with a VID
//
// A receiver takes a priority tag off and looks again (Linux 6.1, __netif_receive_skb_core), so a tag behind it
// counts. A service tag (88a8, 91xx) is never a VLAN of this bridge: it is data, which only ports that are held to
// no VLAN exchange. Sources: IEEE 802.1Q-2018, 6.9 and 9.6; DPDK lib/net/rte_ether.h for the types before 802.1ad.
import { HEAD_AT } from '../layout'
import {
  ETH_OLD_SERVICE,
  ETH_SERVICE,
  ETH_VLAN,
  ETHERNET_BYTES,
  loadBe16,
  MACS_BYTES,
  OLD_SERVICES,
  TAG_BYTES,
  TAG_CONTROL,
} from './packet'

/** A VID that stands for no VLAN and is never on the wire. Source: IEEE 802.1Q-2018, table 9-2. */
export const RESERVED_VID: u32 = 4095
const PRIORITY_MASK: u32 = 0xf000
/** Most tags that are read in front of a frame, here and by networkOffset(). */
const MAX_TAGS: u32 = 2

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

// What readTags() found: VID of the VLAN tag (0: none), PCP and DEI of the outermost tag where they lie in a TCI,
// bytes of the tags up to the VLAN tag, and the EtherType behind them.
export let tagVid: u32 = 0
export let tagPriority: u32 = 0
export let tagBytes: u32 = 0
export let innerType: u32 = 0

/**
 * Reads the tags of the open frame.
 * @param bytes of the frame
 * @returns false when it cannot be judged: a tag cut short, VID 4095, more priority tags than are read
 */
export function readTags(bytes: u32): boolean {
  tagVid = 0
  tagPriority = 0
  tagBytes = 0
  innerType = load<u16>(HEAD_AT, MACS_BYTES)
  while (tagVid === 0 && isTag(innerType)) {
    const at = MACS_BYTES + tagBytes
    if (at + TAG_BYTES + 2 > bytes) return false
    const control = loadBe16(<usize>HEAD_AT + at + TAG_CONTROL)
    const vid = control & RESERVED_VID
    if (vid === RESERVED_VID) return false
    if (vid !== 0 && innerType !== ETH_VLAN) return true
    if (tagBytes === MAX_TAGS * TAG_BYTES) return false
    if (tagBytes === 0) tagPriority = control & PRIORITY_MASK
    tagVid = vid
    tagBytes += TAG_BYTES
    innerType = load<u16>(<usize>HEAD_AT + at, TAG_BYTES)
  }
  return true
}
