// Kernel devices of a bench in a network namespace of its own, and a sender that outruns what is measured.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { libc } from '../../dist/sys/libc.js'
import { SendBatch } from '../../dist/sys/message-batch.js'
import { NativeBuffer } from '../../dist/sys/native-buffer.js'
import { openPacketSocket, PACKET_HEADER_BYTES } from '../../dist/sys/packet-socket.js'

const CLONE_NEWNET = 0x40000000
const SOL_PACKET = 263
const PACKET_QDISC_BYPASS = 20
const CLOCK_THREAD_CPUTIME_ID = 3
const BATCH = 64

/** @param {string[]} args */
export function ip(...args) {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Moves this thread, and what it starts from now on, into a network namespace without IPv6. Needs root. */
export function enterOwnNetwork() {
  if (libc.unshare(CLONE_NEWNET) < 0)
    throw new Error('making a network namespace is not permitted; run as root')
  for (const scope of ['default', 'all']) set(`ipv6/conf/${scope}/disable_ipv6`, '1')
  // A bridge that asks no firewall: the fastest that there is.
  for (const tables of ['ip', 'ip6', 'arp']) set(`bridge/bridge-nf-call-${tables}tables`, '0')
}

/** @param {string} name @param {string} value */
function set(name, value) {
  try {
    writeFileSync(`/proc/sys/net/${name}`, value)
  } catch {
    // The kernel has no such thing.
  }
}

/**
 * Frames that a device of this thread's namespace has received.
 * @param {string} device
 */
export function deviceCounts(device) {
  const line = readFileSync('/proc/thread-self/net/dev', 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith(`${device}:`))
  const fields = (line?.split(':')[1] ?? '').trim().split(/\s+/).map(Number)
  return { received: fields[1] ?? 0 }
}

/** @param {string} device */
function macOf(device) {
  const [{ address }] = JSON.parse(ip('-j', 'link', 'show', 'dev', device))
  return Uint8Array.from(address.split(':').map((/** @type {string} */ byte) => Number.parseInt(byte, 16)))
}

const clock = new NativeBuffer(16)

/** Processor time of this thread in nanoseconds. */
export function cpuNs() {
  libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, clock.address)
  return Number(clock.data.getBigInt64(0, true)) * 1e9 + Number(clock.data.getBigInt64(8, true))
}

/** UDP from one device to a station behind another, which is not that device: the kernel there drops it. */
export class Sender {
  #batch = new SendBatch(BATCH)
  #memory = new NativeBuffer(4096)
  #fd
  #bytes

  /**
   * Has the switch learn both stations, too.
   * @param {string} from device
   * @param {string} to device
   * @param {number} bytes of a frame
   * @param {() => void} carry has the switch carry what it was sent
   */
  constructor(from, to, bytes, carry) {
    this.#bytes = bytes
    const station = macOf(to)
    station[0] = 2
    station[5] = /** @type {number} */ (station[5] + 1) & 0xff
    const back = openSendOnly(to)
    this.#write([255, 255, 255, 255, 255, 255], station)
    this.#send(back, 1)
    carry()
    libc.close(back)
    this.#write(station, macOf(from))
    this.#fd = openSendOnly(from)
  }

  /** @param {ArrayLike<number>} destination @param {ArrayLike<number>} source */
  #write(destination, source) {
    const { bytes } = this.#memory
    bytes.fill(0)
    const frame = bytes.subarray(PACKET_HEADER_BYTES)
    frame.set(destination, 0)
    frame.set(source, 6)
    const length = this.#bytes - 14
    const header = [0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]
    const sum = header.reduce((all, byte, at) => all + (at % 2 === 0 ? byte << 8 : byte), 0)
    const checksum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff
    header.splice(10, 2, checksum >> 8, checksum & 0xff)
    frame.set([8, 0, ...header], 12)
  }

  /** @param {number} fd @param {number} count */
  #send(fd, count) {
    const { address } = this.#memory
    for (let frame = 0; frame < count; frame++)
      this.#batch.add(address, PACKET_HEADER_BYTES, address + PACKET_HEADER_BYTES, this.#bytes)
    return Math.max(0, this.#batch.send(fd))
  }

  /**
   * Sends frames.
   * @param {number} count
   */
  send(count) {
    for (let sent = 0; sent < count; ) {
      const taken = this.#send(this.#fd, Math.min(BATCH, count - sent))
      if (taken === 0) throw new Error('a frame was refused by its device')
      sent += taken
    }
  }
}

/** A socket that sends past the queues of a device and receives nothing. @param {string} device */
function openSendOnly(device) {
  const { fd } = openPacketSocket(device)
  const option = new NativeBuffer(4096)
  option.data.setInt32(0, 1, true)
  libc.setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, option.address, 4)
  attachNothing(fd, option)
  option.free()
  return fd
}

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26

/** A socket filter that keeps no frame. @param {number} fd @param {NativeBuffer} memory */
function attachNothing(fd, { address, data }) {
  data.setUint16(0, 1, true)
  data.setBigUint64(8, BigInt(address + 16), true)
  data.setUint16(16, 0x06, true)
  data.setUint32(20, 0, true)
  if (libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address, 16) < 0)
    throw new Error('a socket filter is refused')
}
