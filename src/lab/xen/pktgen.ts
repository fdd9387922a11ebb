/** Commands for a kernel's own generator of frames. Source: Linux Documentation/networking/pktgen.rst. */

const PGCTRL = '/proc/net/pktgen/pgctrl'
const THREAD = '/proc/net/pktgen/kpktgend_0'
/** Part of a frame's size, and not handed to a NIC. */
export const FCS_BYTES = 4
const DISCARD_PORT = 9

/** An address of the same network that nobody has: VMs are numbered from 1. */
export function nobodyBeside(address: string): string {
  return address.replace(/\d+$/, '254')
}

/** The command that has pktgen ready to send by a device, without end. @param to MAC and IPv4 address of the receiver */
export function pktgenCommand(
  device: string,
  to: { readonly mac: string; readonly address: string },
  frameBytes: number,
): string {
  const words = [
    'count 0',
    'clone_skb 0',
    `pkt_size ${frameBytes - FCS_BYTES}`,
    'delay 0',
    `dst_mac ${to.mac}`,
    `dst ${nobodyBeside(to.address)}`,
    `udp_dst_min ${DISCARD_PORT}`,
    `udp_dst_max ${DISCARD_PORT}`,
  ]
  return [
    'set -e',
    `echo rem_device_all >${THREAD}`,
    `echo add_device ${device} >${THREAD}`,
    ...words.map((word) => `echo '${word}' >/proc/net/pktgen/${device}`),
  ].join('\n')
}

/** Starts it, and returns at once. */
export const START_PKTGEN = `(echo start >${PGCTRL}) </dev/null >/dev/null 2>&1 &`
export const STOP_PKTGEN = `echo stop >${PGCTRL}`
