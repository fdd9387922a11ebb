/**
 * What crosses a port of a simulated machine, as a capture (pcapng). Frames have headers that tools read: MACs and addresses
 * by number of the port, UDP or TCP by what sends them; payload is left out, the length is that of the frame.
 */
import { type PcapngHead, PcapngWriter } from '../capture/pcapng.js'
import { RingferryError } from '../errors/errors.js'
import { ETHERNET_BYTES, TCP, UDP, writeHead } from '../sim/frame-head.js'
import type { Model } from '../sim/model.js'
import type { Tap, TappedFrame } from '../sim/tap.js'
import { writeWhole } from '../sys/output-file.js'
import { ringferryVersion } from '../sys/version.js'

/** Ethernet, IPv4 and TCP: what is written of a frame. */
const HEADER_BYTES = 54
const IP_BYTES = 20
const ACK = 0x10
const PUSH = 0x08
const FIRST_SOURCE_PORT = 1024
const PORT_OF_SERVICE = 7
/** A larger file is not opened by much. */
const MOST_FRAMES = 1_000_000

function ipChecksum(header: DataView): number {
  let sum = 0
  for (let at = 0; at < IP_BYTES; at += 2) sum += header.getUint16(ETHERNET_BYTES + at)
  sum = (sum & 0xffff) + (sum >>> 16)
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
}

/** The head of a frame. */
function headOf({ from, to, flow, bytes, isUrgent }: TappedFrame, isTcp: boolean): Uint8Array {
  const data = new Uint8Array(Math.min(HEADER_BYTES, bytes))
  if (bytes < HEADER_BYTES) return data
  const words = new DataView(data.buffer)
  writeHead(words, from, to, bytes, isTcp ? TCP : UDP)
  words.setUint16(24, ipChecksum(words))
  const [source, target] =
    from < to ? [FIRST_SOURCE_PORT + flow, PORT_OF_SERVICE] : [PORT_OF_SERVICE, FIRST_SOURCE_PORT + flow]
  words.setUint16(34, source)
  words.setUint16(36, target)
  if (isTcp) {
    words.setUint8(46, 0x50)
    words.setUint8(47, isUrgent ? ACK | PUSH : ACK)
  } else words.setUint16(38, Math.min(0xffff, bytes - ETHERNET_BYTES - IP_BYTES))
  return data
}

/** Collects the frames of one port of a model. */
export class TapFile implements Tap {
  readonly port: string
  /** Frames beyond those that are kept. */
  left = 0
  captured = 0
  readonly #writer: PcapngWriter
  readonly #blocks: Buffer[]
  readonly #isTcp: readonly boolean[]
  #lastUs = 0

  /** @param port a VM or NIC of the model. Throws USAGE when it is none */
  constructor({ name, nics, vms, traffic }: Model, port: string) {
    const names = [...vms, ...nics].map((each) => each.name)
    if (!names.includes(port))
      throw new RingferryError(
        'USAGE',
        `--port: there is no VM or NIC "${port}"; there are: ${names.join(', ')}`,
      )
    this.port = port
    this.#isTcp = traffic.map(({ kind }) => kind !== 'open')
    const head: PcapngHead = {
      ...{ port, snapBytes: HEADER_BYTES, filter: '', epochUs: 0 },
      program: `ringferry ${ringferryVersion()}, simulation of ${name}`,
    }
    this.#writer = new PcapngWriter(head)
    this.#blocks = [this.#writer.start()]
  }

  frame(frame: TappedFrame, nowNs: number): void {
    if (this.captured >= MOST_FRAMES) {
      this.left++
      return
    }
    this.captured++
    this.#lastUs = nowNs / 1000
    const { direction, bytes, flow } = frame
    const data = headOf(frame, this.#isTcp[flow] === true)
    const known = { queueUs: 0, joined: false, missed: 0 }
    this.#blocks.push(
      this.#writer.frame({ timeUs: this.#lastUs, direction, sizeBytes: bytes, data, ...known }),
    )
  }

  /** Throws PERMISSION. */
  write(file: string): void {
    const { captured, left } = this
    const end = this.#writer.statistics({ seen: captured + left, captured, missed: left }, this.#lastUs, '')
    writeWhole(file, Buffer.concat([...this.#blocks, end]))
  }
}
