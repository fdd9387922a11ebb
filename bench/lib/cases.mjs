// What is sent through a switch in a case of a bench: frames of a sender, and how receivers tell where they are.
import { VIRTIO_F, VIRTIO_NET_F } from '../../dist/virtio/virtio.js'
import { udpFrame } from './frames.mjs'

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} about
 * @property {number} [pairs] pairs of addresses, the n-th of the sender with the n-th of the receivers (default 1)
 * @property {number} [bytes] length of a frame as it is sent (default 64)
 * @property {import('../../dist/driver/tx-queue.js').TxLayout} [layout] of sent frames (default: one descriptor)
 * @property {number} [bufferBytes] of the receivers' buffers, header included (default 2048)
 * @property {{ from: boolean, to: boolean }} [tagged] whether sender and receivers use VLAN 5 with a tag
 * @property {boolean} [udp] flows of UDP over IPv4 instead of frames of no protocol
 * @property {Record<string, unknown>} [sender] settings of the sender's port
 * @property {Record<string, unknown>} [receiver] settings of the receivers' ports
 * @property {number} [queuePairs] of the receivers (default 1)
 * @property {number} [receivers] ports that the pairs are spread over (default 1)
 * @property {boolean} [flood] frames to all stations
 * @property {boolean} [host] a host port without a device takes the frames of all pairs
 * @property {number} [movesEvery] one frame of so many comes from a further port, with the address of the sender
 */

/** Frames that a generator publishes at once. */
export const BURST = 32
/** What guests negotiate. */
export const FEATURES = VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_NET_F.MRG_RXBUF
const VID = 5
const TAG = [0x81, 0x00, 0x00, VID]
/** Flows that a sender of UDP frames has at least. */
const FLOWS = 64
const ADDRESS_BYTES = 12
const UDP_SOURCE_PORT = 34
const ANNOUNCEMENT_BYTES = 60
/** Never met by what is sent, so that the limit's cost is measured and not the limit. */
const HIGH_RATE = { averageKiB: 8_000_000 }
const SENDER = '02:00:01:00:00:00'
const SENDER_IP = '10.0.0.1'
const IN_VLAN = { vlan: VID }
const TRUNK = { trunk: [VID] }
const INDIRECT_2 = { separateHeader: true, indirect: true }
const INDIRECT_18 = { separateHeader: true, descriptors: 17, indirect: true }

/** @type {Case[]} */
export const CASES = [
  { name: 'one', about: 'one pair of addresses' },
  { name: 'p2', about: '2 pairs', pairs: 2 },
  { name: 'p16', about: '16 pairs', pairs: 16 },
  { name: 'p256', about: '256 pairs', pairs: 256 },
  { name: 'p4096', about: '4096 pairs', pairs: 4096 },
  { name: 'moves', about: '4096 pairs, 1 % from another port', pairs: 4096, movesEvery: 100 },
  { name: 'desc2', about: 'header and frame apart', layout: { separateHeader: true } },
  {
    name: 'desc2-p4096',
    about: 'header and frame apart, 4096 pairs',
    pairs: 4096,
    layout: { separateHeader: true },
  },
  { name: 'indirect2', about: 'indirect table of 2', layout: INDIRECT_2 },
  { name: 'indirect18', about: '1500 bytes, indirect table of 18', bytes: 1500, layout: INDIRECT_18 },
  {
    ...{ name: 'tag', about: 'a tag carried', tagged: { from: true, to: true } },
    ...{ sender: TRUNK, receiver: TRUNK },
  },
  {
    ...{ name: 'tag-on', about: 'a tag put on', tagged: { from: false, to: true } },
    ...{ sender: IN_VLAN, receiver: TRUNK },
  },
  {
    ...{ name: 'tag-off', about: 'a tag taken off', tagged: { from: true, to: false } },
    ...{ sender: TRUNK, receiver: IN_VLAN },
  },
  { name: 'guard-mac', about: 'MAC guard', sender: { macs: [SENDER] } },
  { name: 'udp', about: 'one pair, flows of UDP', udp: true },
  {
    ...{ name: 'guard-ip', about: 'IP guard, UDP', udp: true },
    sender: { macs: [SENDER], addresses: [SENDER_IP] },
  },
  { name: 'limit-from', about: "rate limit at the sender's port", sender: { fromVm: HIGH_RATE } },
  { name: 'limit-to', about: "rate limit at the receiver's port", receiver: { toVm: HIGH_RATE } },
  { name: 'queues2', about: 'two queue pairs, UDP', udp: true, queuePairs: 2, receiver: { queues: 2 } },
  { name: 'r8', about: '8 receivers', pairs: 8, receivers: 8 },
  { name: 'r32', about: '32 receivers', pairs: 32, receivers: 32 },
  { name: 'flood8', about: 'a flood to 8 ports', receivers: 8, flood: true, sender: { stormFps: 0 } },
  { name: 'flood32', about: 'a flood to 32 ports', receivers: 32, flood: true, sender: { stormFps: 0 } },
  { name: 'to-host', about: 'to a host port', host: true, receivers: 0 },
  { name: 'to-host-1500', about: '1500 bytes to a host port', bytes: 1500, host: true, receivers: 0 },
  { name: 'one-1500', about: '1500 bytes', bytes: 1500 },
  { name: 'p256-1500', about: '1500 bytes, 256 pairs', bytes: 1500, pairs: 256 },
  { name: 'buffers600', about: '1500 bytes into buffers of 600', bytes: 1500, bufferBytes: 600 },
]

/**
 * The cases of a list of names, in the order of CASES; all without a list. Ends the program when a name is none of them.
 * @param {string | undefined} names "one,p16"
 * @param {readonly Case[]} [cases]
 */
export function chooseCases(names, cases = CASES) {
  if (names === undefined) return [...cases]
  const wanted = names.split(',')
  const unknown = wanted.filter((name) => !cases.some((each) => each.name === name))
  if (unknown.length === 0) return cases.filter(({ name }) => wanted.includes(name))
  console.error(`no case "${unknown.join(', ')}"; there are ${cases.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

/**
 * Features of the sender of a case; @param {Case} of
 * @returns {bigint}
 */
export function senderFeatures({ layout }) {
  return layout?.indirect ? FEATURES | VIRTIO_F.INDIRECT_DESC : FEATURES
}

/**
 * Features of the receivers of a case; @param {Case} of
 * @returns {bigint}
 */
export function receiverFeatures({ queuePairs = 1 }) {
  return queuePairs > 1 ? FEATURES | VIRTIO_NET_F.MQ | VIRTIO_NET_F.CTRL_VQ : FEATURES
}

/**
 * Entries of a sender's ring that hold all frames of a case, each in descriptors of its own.
 * @param {Case} of
 * @param {number} frames
 */
export function ringSize({ layout }, frames) {
  const each = layout && !layout.indirect ? (layout.descriptors ?? 1) + (layout.separateHeader ? 1 : 0) : 1
  return Math.max(256, 2 ** Math.ceil(Math.log2(frames * each)))
}

/** Address of a numbered station: 02:00:SIDE:xx:xx:xx. */
function stationOf(side, number) {
  return [2, 0, side, (number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff]
}

/** The same frame with a tag behind its addresses. */
function withTag(frame) {
  return Uint8Array.of(...frame.subarray(0, ADDRESS_BYTES), ...TAG, ...frame.subarray(ADDRESS_BYTES))
}

/**
 * A frame of no protocol from the k-th station of one side to that of another.
 * @param {number} bytes
 * @param {[side: number, number: number]} to
 * @param {[side: number, number: number]} from
 */
export function stationFrame(bytes, to, from) {
  const frame = new Uint8Array(bytes)
  frame.set([...stationOf(...to), ...stationOf(...from), 0x88, 0xb5])
  return frame
}

/** @param {Case} of */
function plainFrame({ udp }, bytes, flow) {
  const to = { mac: SENDER, address: '10.0.0.2' }
  if (udp) {
    const frame = udpFrame(bytes, to, { mac: SENDER, address: SENDER_IP })
    frame[UDP_SOURCE_PORT + 1] = flow
    return frame
  }
  const frame = new Uint8Array(bytes)
  frame.set([0x88, 0xb5], ADDRESS_BYTES)
  return frame
}

/**
 * The frames that a sender repeats: one of each pair of addresses, and of each flow.
 * @param {Case} of
 * @returns {Uint8Array[]}
 */
export function framesOf(of) {
  const { pairs = 1, bytes = 64, tagged, flood, udp } = of
  return Array.from({ length: udp ? Math.max(pairs, FLOWS) : pairs }, (_, place) => {
    const isTagged = tagged?.from === true
    const frame = plainFrame(of, isTagged ? bytes - TAG.length : bytes, place)
    const pair = place % pairs
    frame.set(flood ? new Uint8Array(6).fill(0xff) : stationOf(2, pair))
    frame.set(stationOf(1, pair), 6)
    return isTagged ? withTag(frame) : frame
  })
}

/**
 * The broadcast by which a receiver tells that it has the second address of a pair.
 * @param {Case} of
 * @param {number} pair
 * @returns {Uint8Array}
 */
export function announcementOf({ tagged }, pair) {
  const frame = new Uint8Array(ANNOUNCEMENT_BYTES).fill(0xff, 0, 6)
  frame.set(stationOf(2, pair), 6)
  frame.set([0x88, 0xb5], ADDRESS_BYTES)
  return tagged?.to ? withTag(frame) : frame
}
