// The frame at hand has one record: what is known of it lies here, at one place of the plane's memory, and the functions
// that it goes through read and write it here instead of handing it on.
//
//   taken     a chain is walked, or a host port ingests      pieces at SEGS_AT
//   opened    open.ts, gso.ts                                Frame: length, head, virtio-net header
//   judged    bridge/: tags, guard, learn, look up           Frame: tags, VLAN, addresses
//   shaped    bridge/leave.ts, segment.ts                    Out: as one receiver gets it
//   read      merge/flow.ts, where its receiver merges       Flow: which segments it may join
//   written   egress.ts, merge/append.ts                     buffers, or a record of a byte ring
//
// Frame is written once for a frame, Out once for each receiver and each segment that is cut, Flow once for each Out. A
// frame that leaves a backlog has an Out and a Flow only: its Frame is long another's.
//
// These are structs over fixed memory (@unmanaged: no header, no allocation), so a field costs one load from a constant
// address. Nobody outside the plane reads them. One frame is at hand at a time, and none between two calls.
import { FLOW_AT, FLOW_BYTES, FRAME_AT, FRAME_BYTES, OUT_AT, OUT_BYTES } from '../layout'

/** The frame as it came in. */
@unmanaged
export class Frame {
  /** Its segments, without the virtio-net header: a list as in segments.ts. */
  pieces: usize
  /** Bytes, without the virtio-net header. */
  bytes: u32
  /** Bytes at HEAD_AT: a private copy, read once; every decision rests on it and it is what leaves. */
  headBytes: u32
  /** flags, gso_type, hdr_len, gso_size, csum_start as they lie in the virtio-net header. */
  netHeader: u64
  csumOffset: u32
  /** Offloads (TAKE_*) that a receiver must accept to get it as it is. */
  needs: u32
  /** Bytes of the longest frame that it is on the wire, its own or its segments', and how many those are. */
  wireBytes: u32
  wireFrames: u32
  /** Offset of the network header, behind Ethernet and tags, and the EtherType in front of it (memory order). */
  network: u32
  etherType: u32
  /** Of a GSO frame: IS_V4, IS_UDP; bytes of all headers. */
  kind: u32
  headers: u32

  /** Addresses, as packet.loadMac() reads them, and the VLAN that it is in. */
  destination: u64
  source: u64
  vlan: u32
  /** Its VLAN tag's VID (0: no VLAN tag), and PCP and DEI of the outermost tag, where they lie in a control field. */
  tagVid: u32
  tagPriority: u32
  /** Bytes of the tags up to the VLAN tag, and the EtherType behind them (memory order). */
  tagBytes: u32
  innerType: u32
  /** What spreads it over queue pairs (bridge/flow-hash.ts), once somebody asked: until then isHashed is false. */
  hash: u32
  isHashed: boolean
}

/** The frame as one receiver gets it: `headBytes` at `head`, then the body. */
@unmanaged
export class Out {
  head: usize
  headBytes: u32
  /** All bytes, without the virtio-net header. */
  bytes: u32
  netHeader: u64
  csumOffset: u32
  /** How much longer its tags are than those of the Frame. */
  shift: i32
  /** Where the body lies: at an address of the plane's own memory, or (0) in the Frame from a position. */
  bodyAt: usize
  bodyFrom: u32
  /** What chooses among the queue pairs of the receiver. */
  hash: u32
}

/** What the headers of Out say to the merging of segments. Offsets and bytes count from its first byte. */
@unmanaged
export class Flow {
  /** Hash of what all frames of the flow have in common; not 0. */
  key: u64
  /** OTHER, BARRIER, SEGMENT or PURE_ACK (merge/flow.ts); of the other fields only those that it needs are right. */
  role: u32
  /** Whether its checksums are right or need not be: known once merging depends on it. */
  isIntact: boolean
  /** IS_V4, IS_UDP, IS_ACK. */
  kind: u32
  network: u32
  transport: u32
  /** Bytes of all headers, and behind them. */
  headers: u32
  payload: u32
  /** TCP: sequence number and flags; else 0. */
  sequence: u32
  tcpFlags: u32
}

export const frame = changetype<Frame>(FRAME_AT)
export const out = changetype<Out>(OUT_AT)
export const flow = changetype<Flow>(FLOW_AT)

// Told at build time when a record outgrows its place in layout/globals.ts.
if (offsetof<Frame>() > <usize>FRAME_BYTES) ERROR('Frame is larger than FRAME_BYTES')
if (offsetof<Out>() > <usize>OUT_BYTES) ERROR('Out is larger than OUT_BYTES')
if (offsetof<Flow>() > <usize>FLOW_BYTES) ERROR('Flow is larger than FLOW_BYTES')
