// Two switches that get the same frames at the same times; in one of them every frame is cut into pieces so short that only
// the slow path reads it. What guests and host ports get, and what is counted, must be the same.
import {
  C_ADDRESS_MOVES,
  C_BACKLOGGED,
  C_EGRESS_BYTES,
  C_EGRESS_FRAMES,
  C_FLOODS,
  C_INGRESS_BYTES,
  C_INGRESS_FRAMES,
  C_MERGED,
  C_UNLEARNED,
  DROP_REASONS,
  G_NOW_US,
  GLOBALS_AT,
  NET_HEADER_BYTES,
  P_FILTER_MACS,
  P_FILTER_TABLE,
  P_FILTER_VLANS,
  PORT_FILTER,
  PORT_FILTER_ALLMULTI,
  PORT_FILTER_NOBROADCAST,
  PORT_FILTER_NOUNI,
  PORT_FILTER_VLAN,
  STAGE_AT,
} from '../../src/core/layout.js'
import { PortRow, TAKE_ALL } from '../../src/core/port-row.js'
import type { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'
import { type HostSide, hostSide } from './host-side.js'
import { ipFrame } from './ip-frames.js'
import { bytesOf, FIRST_HOST, type Filter, GROUP_ADDRESS, type Op, type Vif } from './random-traffic.js'
import { attach, counter, dropped, frame, newEngine, withTags } from './switch.js'

const START_US = 1e12
/** Pieces so short that the fast path leaves their frame alone. */
const SLOW_PIECE = 60
const RING = 64
const COUNTED = [
  ...[C_INGRESS_FRAMES, C_INGRESS_BYTES, C_EGRESS_FRAMES, C_EGRESS_BYTES],
  ...[C_FLOODS, C_BACKLOGGED, C_UNLEARNED, C_ADDRESS_MOVES, C_MERGED],
]

/** As a guest sets its receive filter by control commands. */
function setFilter(row: PortRow, filter: Filter, station: number): void {
  if (filter === 'none') return
  if (filter === 'vlan') {
    row.flag(PORT_FILTER_VLAN, true)
    row.bytes(P_FILTER_VLANS, 1).fill(1 << 5)
    return
  }
  const modes = {
    table: 0,
    'all groups': PORT_FILTER_ALLMULTI,
    'no broadcast': PORT_FILTER_NOBROADCAST,
    'no unicast': PORT_FILTER_NOUNI,
  }
  row.flag(PORT_FILTER | modes[filter], true)
  row.set(P_FILTER_MACS, 2)
  row.bytes(P_FILTER_TABLE, 16).set([...frame(station, 0, 14).subarray(0, 6), 0, 0, ...GROUP_ADDRESS, 0, 0])
}

/** A switch of guests and host ports; with `slow` without the fast path. */
export class Bed {
  readonly engine: Engine
  readonly guests: EmbeddedGuest[]
  readonly #hosts: HostSide[]
  readonly received: string[] = []
  readonly #slow: boolean
  readonly #vifs: readonly Vif[]
  #clock = START_US

  constructor(vifs: readonly Vif[], hosts: readonly Partial<PortSettings>[], slow: boolean) {
    this.#slow = slow
    this.#vifs = vifs
    this.engine = newEngine()
    this.guests = vifs.map(({ settings, mergeable, version1, bufferBytes, pairs }, index) =>
      attach(
        this.engine,
        `g${index}`,
        {
          features:
            VIRTIO_F.EVENT_IDX |
            VIRTIO_F.INDIRECT_DESC |
            (version1 ? VIRTIO_F.VERSION_1 : 0n) |
            (mergeable ? VIRTIO_NET_F.MRG_RXBUF : 0n) |
            (pairs > 1 ? VIRTIO_NET_F.MQ : 0n),
          ringSize: RING,
          queuePairs: pairs,
          bufferBytes,
          txSlotBytes: 2048,
          memory: 4 * 2 ** 20,
        },
        { ...settings, queues: pairs },
      ),
    )
    this.#hosts = hosts.map((settings, host) => hostSide(this.engine, FIRST_HOST + host, TAKE_ALL, settings))
    this.#setClock()
    for (const [index, { filter }] of vifs.entries())
      setFilter(new PortRow(this.engine.memory, index), filter, index)
    for (const [host, { row }] of this.#hosts.entries()) this.#announce(row.index, FIRST_HOST + host)
    for (const [index, guest] of this.guests.entries()) {
      const hello = ipFrame(255, index, { ip: 4, protocol: 'udp', payloadBytes: 18 }).frame
      for (const tag of [[], [0x8100, 5], [0x8100, 6]]) guest.driver.enqueue(withTags(hello, tag))
      guest.driver.publish(1)
      this.#poll()
    }
  }

  /** Has a host port's address known. */
  #announce(port: number, station: number): void {
    const { memory, plane } = this.engine
    for (const tag of [[], [0x8100, 5], [0x8100, 6]]) {
      const hello = withTags(frame(station, station, 60), tag)
      hello.fill(255, 0, 6)
      memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
      memory.u8.set(hello, STAGE_AT + NET_HEADER_BYTES)
      plane.ingest(port, STAGE_AT, NET_HEADER_BYTES + hello.length, NET_HEADER_BYTES)
    }
    plane.publish()
  }

  #setClock(): void {
    this.engine.memory.f64[(GLOBALS_AT + G_NOW_US) / 8] = this.#clock
  }

  /** Twice: a burst of the slow path may end early, by the work that it was. */
  #poll(): void {
    for (let turn = 0; turn < 4; turn++)
      for (let port = 0; port < this.guests.length; port++) this.engine.plane.poll(port, 64)
  }

  run(op: Op): void {
    if (op.op === 'wait') this.#clock += op.us
    this.#setClock()
    if (op.op === 'send') {
      const { driver } = this.guests[op.guest] as EmbeddedGuest
      for (const packet of op.packets) {
        const bytes = bytesOf(packet, op.guest, this.guests.length, this.#vifs[op.guest]?.settings ?? {})
        const pieces = {
          separateHeader: true,
          indirect: true,
          descriptors: Math.ceil(bytes.length / SLOW_PIECE),
        }
        driver.enqueue(bytes, {}, 0, this.#slow && bytes.length > SLOW_PIECE ? pieces : packet.layout)
      }
      driver.publish(1)
    } else if (op.op === 'receive') {
      this.#receive(op.guest, op.count)
      this.#write(op.count)
    }
    this.#poll()
    for (const { driver } of this.guests) driver.reapTx()
  }

  #receive(index: number, count: number): void {
    const { driver } = this.guests[index] as EmbeddedGuest
    for (let queue = 0; queue < driver.queuePairs; queue++)
      for (let taken = 0; taken < count; taken++) {
        const got = driver.receive(queue)
        if (!got) break
        this.received.push(
          `${index}.${queue} ${JSON.stringify(got.header)} ${Buffer.from(got.frame).toString('hex')}`,
        )
      }
  }

  /** Takes what waits for the devices of host ports. */
  #write(count: number): void {
    for (const [host, side] of this.#hosts.entries())
      for (const { header, frame } of side.take(count))
        this.received.push(`h${host} ${JSON.stringify(header)} ${Buffer.from(frame).toString('hex')}`)
  }

  finish(): void {
    for (let turn = 0; turn < 3; turn++)
      for (let index = 0; index < this.guests.length; index++) {
        this.#receive(index, RING)
        this.#write(RING)
        this.#poll()
      }
  }

  counters(): number[][] {
    const ports = [...this.guests.keys(), ...this.#hosts.map(({ row }) => row.index)]
    return ports.map((port) => [
      ...COUNTED.map((index) => counter(this.engine, port, index)),
      ...Array.from({ length: DROP_REASONS }, (_, reason) => dropped(this.engine, port, reason)),
    ])
  }
}
