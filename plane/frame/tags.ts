// VLAN tags in front of a frame. What is judged is what a receiver will see:
//
//   | addresses | priority tag (VID 0) ... | VLAN tag | data            the VLAN is the first tag with a VID
//
// A receiver takes a priority tag off and looks again (Linux 6.1, __netif_receive_skb_core), so a tag behind it
// counts. A service tag (88a8, 91xx) is never a VLAN of this bridge: it is data, which only ports that are held to
// no VLAN exchange. Sources: IEEE 802.1Q-2018, 6.9 and 9.6; DPDK lib/net/rte_ether.h for the types before 802.1ad.
import { HEAD_AT } from '../layout'
import { ETH_VLAN, loadBe16, MACS_BYTES, TAG_BYTES, TAG_CONTROL } from '../packet/packet'
import { isTag, MAX_TAGS } from '../packet/tags'
import { frame } from './record'

/** A VID that stands for no VLAN and is never on the wire. Source: IEEE 802.1Q-2018, table 9-2. */
export const RESERVED_VID: u32 = 4095
const PRIORITY_MASK: u32 = 0xf000

/**
 * Reads the tags of the frame at hand: tagVid, tagPriority, tagBytes, innerType.
 * @returns false when it cannot be judged: a tag cut short, VID 4095, more priority tags than are read
 */
export function readTags(): boolean {
  frame.tagVid = 0
  frame.tagPriority = 0
  frame.tagBytes = 0
  frame.innerType = load<u16>(HEAD_AT, MACS_BYTES)
  while (frame.tagVid === 0 && isTag(frame.innerType)) {
    const at = MACS_BYTES + frame.tagBytes
    if (at + TAG_BYTES + 2 > frame.bytes) return false
    const control = loadBe16(<usize>HEAD_AT + at + TAG_CONTROL)
    const vid = control & RESERVED_VID
    if (vid === RESERVED_VID) return false
    if (vid !== 0 && frame.innerType !== ETH_VLAN) return true
    if (frame.tagBytes === MAX_TAGS * TAG_BYTES) return false
    if (frame.tagBytes === 0) frame.tagPriority = control & PRIORITY_MASK
    frame.tagVid = vid
    frame.tagBytes += TAG_BYTES
    frame.innerType = load<u16>(<usize>HEAD_AT + at, TAG_BYTES)
  }
  return true
}
