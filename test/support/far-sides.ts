/** What sits at the other end of a port in the conformance suite: real frontends, sockets and kernel devices. */

import type { NetHeader, ReceivedFrame } from '../../src/driver/net-driver.js'
import { EmbeddedGuest } from '../../src/embedded/guest.js'
import { DatagramBatch } from '../../src/sys/datagram-batch.js'
import { errno, errnoName, libc } from '../../src/sys/libc.js'
import { ReceiveBatch } from '../../src/sys/message-batch.js'
import { NativeBuffer } from '../../src/sys/native-buffer.js'
import {
  openPacketSocket,
  PACKET_CONTROL_BYTES,
  PACKET_HEADER_BYTES,
  takenTag,
} from '../../src/sys/packet-socket.js'
import { SOCKET_ADDRESS_BYTES, socketAddress } from '../../src/sys/udp-address.js'
import { openUdpReceiver, openUdpSender, UDP_CONTROL_BYTES } from '../../src/sys/udp-socket.js'
import { connectDatagram, openUnixDatagram, unixAddress } from '../../src/sys/unix-datagram.js'
import { closeFd, receiveWithFds, sendWithFds, unlinkQuietly } from '../../src/sys/unix-socket.js'

/** The other end of a port. */
export interface FarSide {
  /** Sends a frame to the switch; the header is left out by kinds that carry none. */
  send(frame: Uint8Array, header?: Partial<NetHeader>): void
  /** The next frame that the switch delivered, if there is one. */
  receive(): ReceivedFrame | undefined
  close(): void
}

const NO_HEADER: NetHeader = {
  flags: 0,
  gsoType: 0,
  hdrLen: 0,
  gsoSize: 0,
  csumStart: 0,
  csumOffset: 0,
  numBuffers: 0,
}

const MEMORY_BYTES = 24 * 2 ** 20

/** A virtio-net frontend on a socket path or a connected descriptor. */
export function guestSide(target: string | number, pump: () => void): FarSide {
  const guest = new EmbeddedGuest(target, { pump, memory: MEMORY_BYTES })
  return {
    send: (frame, header) => {
      if (!guest.driver.send(frame, header)) throw new Error('the transmit ring is full')
    },
    receive: () => guest.driver.receive(),
    close: () => guest.close(),
  }
}

const SLOT_BYTES = 80 * 1024

/** A program with an AF_PACKET socket on a kernel device; only frames of the tests' stations are seen. */
export function socketSide(device: string): FarSide {
  const { fd } = openPacketSocket(device)
  const memory = new NativeBuffer(SLOT_BYTES)
  const batch = new ReceiveBatch([memory.address], SLOT_BYTES, PACKET_CONTROL_BYTES)
  const readOne = (): ReceivedFrame | undefined => {
    if (batch.receive(fd, 1) < 1) return undefined
    const { data } = memory
    const plain = memory.bytes.slice(PACKET_HEADER_BYTES, batch.bytes(0))
    const tag = takenTag(batch, 0)
    const shift = tag === 0 ? 0 : 4
    const tagBytes = tag === 0 ? [] : [tag >>> 24, (tag >> 16) & 0xff, (tag >> 8) & 0xff, tag & 0xff]
    const start = data.getUint16(6, true)
    return {
      header: {
        flags: data.getUint8(0),
        gsoType: data.getUint8(1),
        hdrLen: data.getUint16(2, true),
        gsoSize: data.getUint16(4, true),
        csumStart: start === 0 ? 0 : start + shift,
        csumOffset: data.getUint16(8, true),
        numBuffers: 0,
      },
      frame: new Uint8Array(
        Buffer.concat([plain.subarray(0, 12), Uint8Array.from(tagBytes), plain.subarray(12)]),
      ),
    }
  }
  return {
    send: (frame, header = {}) => {
      const { data, bytes } = memory
      bytes.fill(0, 0, PACKET_HEADER_BYTES)
      data.setUint8(0, header.flags ?? 0)
      data.setUint8(1, header.gsoType ?? 0)
      data.setUint16(2, header.hdrLen ?? 0, true)
      data.setUint16(4, header.gsoSize ?? 0, true)
      data.setUint16(6, header.csumStart ?? 0, true)
      data.setUint16(8, header.csumOffset ?? 0, true)
      bytes.set(frame, PACKET_HEADER_BYTES)
      if (libc.write(fd, memory.address, PACKET_HEADER_BYTES + frame.length) < 0)
        throw new Error(`sending ${frame.length} bytes on ${device}: ${errnoName(errno())}`)
    },
    receive: () => {
      for (let found = readOne(); found; found = readOne())
        if (found.frame[6] === 2 && found.frame[7] === 0 && found.frame[10] === 0) return found
      return undefined
    },
    close: () => {
      closeFd(fd)
      batch.close()
      memory.free()
    },
  }
}

/** A peer of the stream port on a connected socket. */
export function streamSide(fd: number, pump: () => void): FarSide {
  let input = Buffer.alloc(0)
  return {
    send: (frame) => {
      const message = Buffer.alloc(4 + frame.length)
      message.writeUInt32BE(frame.length)
      message.set(frame, 4)
      for (let at = 0; at < message.length; ) {
        const sent = sendWithFds(fd, message.subarray(at, at + 16_000))
        if (sent > 0) at += sent
        else pump()
      }
    },
    receive: () => {
      while (input.length < 4 || input.length < 4 + input.readUInt32BE()) {
        const received = receiveWithFds(fd, 16_384)
        if (!received || received.closed) return undefined
        input = Buffer.concat([input, received.bytes])
      }
      const length = input.readUInt32BE()
      const frame = new Uint8Array(input.subarray(4, 4 + length))
      input = input.subarray(4 + length)
      return { header: NO_HEADER, frame }
    },
    close: () => closeFd(fd),
  }
}

/** A peer of the datagram port on a socket of its own. */
export function dgramSide(own: string, switchPath: string, pump: () => void): FarSide {
  const fd = openUnixDatagram(own, {})
  const memory = new NativeBuffer(SLOT_BYTES)
  const input = new ReceiveBatch([memory.address], SLOT_BYTES)
  const output = new DatagramBatch(1)
  connectDatagram(fd, unixAddress(switchPath))
  return {
    send: (frame) => {
      memory.bytes.set(frame)
      for (let sent = 0; sent < 1; ) {
        output.clear()
        output.add(0, 0, memory.address, frame.length)
        sent = output.send(fd)
        if (sent < 0 && errnoName(-sent) !== 'EAGAIN') throw new Error(`sending: ${errnoName(-sent)}`)
        if (sent < 1) pump()
      }
    },
    receive: () =>
      input.receive(fd, 1) === 1
        ? { header: NO_HEADER, frame: memory.bytes.slice(0, input.bytes(0)) }
        : undefined,
    close: () => {
      closeFd(fd)
      unlinkQuietly(own)
      input.close()
      output.close()
      memory.free()
    },
  }
}

/** Where a tunnel's far side is, and where the switch is. */
export interface TunnelPlace {
  readonly own: Uint8Array
  readonly theirs: Uint8Array
  readonly udpPort: number
  readonly vni: number
}

/** A VTEP on a UDP socket. `raw` sends a datagram as it is. */
export function tunnelSide(place: TunnelPlace): FarSide & { raw(datagram: Uint8Array): void } {
  const { own, theirs, udpPort, vni } = place
  const sender = openUdpSender(own, undefined)
  const receiver = openUdpReceiver(own, udpPort)
  const memory = new NativeBuffer(SLOT_BYTES + SOCKET_ADDRESS_BYTES)
  const name = socketAddress(theirs, udpPort)
  memory.bytes.set(name, SLOT_BYTES)
  const input = new ReceiveBatch([memory.address], SLOT_BYTES, UDP_CONTROL_BYTES, SOCKET_ADDRESS_BYTES)
  const output = new DatagramBatch(1)
  const waiting: Uint8Array[] = []
  const raw = (datagram: Uint8Array): void => {
    memory.bytes.set(datagram)
    output.clear()
    output.add(memory.address + SLOT_BYTES, name.length, memory.address, datagram.length)
    const sent = output.send(sender)
    if (sent < 0) throw new Error(`sending ${datagram.length} bytes: ${errnoName(-sent)}`)
  }
  return {
    raw,
    send: (frame) => {
      const header = Buffer.alloc(8)
      header.writeUInt32BE(0x0800_0000)
      header.writeUInt32BE(vni * 256, 4)
      raw(Buffer.concat([header, frame]))
    },
    receive: () => {
      if (waiting.length === 0 && input.receive(receiver, 1) === 1) {
        const bytes = input.bytes(0)
        const size = input.controlBytes(0) > 0 ? input.control(0, 4) & 0xffff : bytes
        for (let at = 0; at < bytes; at += size)
          waiting.push(memory.bytes.slice(at, Math.min(at + size, bytes)))
      }
      const datagram = waiting.shift()
      if (!datagram) return undefined
      const data = new DataView(datagram.buffer)
      if (datagram[0] !== 8 || data.getUint32(4) !== vni * 256)
        throw new Error('no VXLAN header of this network')
      return { header: NO_HEADER, frame: datagram.subarray(8) }
    },
    close: () => {
      closeFd(sender)
      closeFd(receiver)
      input.close()
      output.close()
      memory.free()
    },
  }
}
