/** Shortest Ethernet frame, without its check sequence. */
const FRAME_BYTES = 60
const BROADCAST = 0xff
/** EtherType RARP; Ethernet, IPv4, addresses of 6 and 4 bytes; operation 3, request reverse. */
const HEADER = [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3]
const SOURCE_AT = 6
const HEADER_AT = 12
const SENDER_AT = 22
const TARGET_AT = 32

/**
 * A broadcast frame in a guest's name by which bridges learn where it is.
 * Source: RFC 903; QEMU announces migrated guests so (docs/interop/vhost-user.rst, SEND_RARP).
 * @param mac the guest's address, 6 bytes
 */
export function rarpFrame(mac: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES)
  frame.fill(BROADCAST, 0, SOURCE_AT)
  frame.set(mac, SOURCE_AT)
  frame.set(HEADER, HEADER_AT)
  frame.set(mac, SENDER_AT)
  frame.set(mac, TARGET_AT)
  return frame
}
