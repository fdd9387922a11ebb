// A Linux bridge with two TAPs in the host's own network, under names that no other run has.
import { execFileSync } from 'node:child_process'
import { undoLater } from './cleanup.mjs'

function ip(command) {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] })
}

/**
 * @param tag one letter that tells bridges of one bench apart
 * @param vnetHeader whether frames cross the TAPs with a virtio-net header (offloads)
 */
export function createBridge(tag, vnetHeader) {
  const bridge = `rfb${tag}${process.pid}`
  const taps = [0, 1].map((index) => `rft${tag}${index}${process.pid}`)
  const add = (name, command) => {
    ip(command)
    undoLater(() => ip(`link del dev ${name}`))
  }
  add(bridge, `link add ${bridge} type bridge`)
  ip(`link set dev ${bridge} up`)
  for (const tap of taps) {
    add(tap, `tuntap add dev ${tap} mode tap${vnetHeader ? ' vnet_hdr' : ''}`)
    ip(`link set dev ${tap} master ${bridge} up`)
  }
  return { bridge, taps }
}
