// Frames that benches send: IPv4 UDP, because a switch that reads frames treats anything else as urgent.

const PORT = 9000

/** The MAC address of a numbered guest: 02:00:00:00:00:NN. */
export function macOf(number) {
  return `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`
}

/** Where a frame goes to or comes from: a numbered guest, or addresses in full. */
function endOf(end) {
  const { mac, address } = typeof end === 'number' ? { mac: macOf(end), address: `10.200.0.${end}` } : end
  return {
    mac: mac.split(':').map((part) => Number.parseInt(part, 16)),
    address: address.split('.').map(Number),
  }
}

/**
 * A UDP frame from one end to another, header checksum right, no UDP checksum (RFC 768 allows it). An end is the
 * number of a guest or {mac: '02:00:00:00:00:01', address: '10.0.0.1'}.
 * @param bytes of the whole frame without its checksum at the end, 42 or more
 */
export function udpFrame(bytes, to, from) {
  const frame = new Uint8Array(bytes)
  const view = new DataView(frame.buffer)
  const [receiver, sender] = [endOf(to), endOf(from)]
  frame.set([...receiver.mac, ...sender.mac, 0x08, 0x00])
  view.setUint16(14, 0x4500)
  view.setUint16(16, bytes - 14)
  view.setUint16(22, (64 << 8) | 17)
  frame.set([...sender.address, ...receiver.address], 26)
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at)
  view.setUint16(24, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff)
  view.setUint16(34, PORT)
  view.setUint16(36, PORT)
  view.setUint16(38, bytes - 34)
  return frame
}
