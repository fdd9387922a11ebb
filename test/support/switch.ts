import { readTuning, type TuneState } from '../../src/control/tuning.js'
import { type LoggedDecision, TuningReader } from '../../src/control/tuning-reader.js'
import { P_COUNTERS, P_DROPS } from '../../src/core/layout.js'
import { PortRow } from '../../src/core/port-row.js'
import { EmbeddedGuest, type EmbeddedGuestOptions } from '../../src/embedded/guest.js'
import { Engine } from '../../src/engine/engine.js'
import type { EngineOptions } from '../../src/engine/engine-options.js'
import type { PortSettings } from '../../src/port/config.js'
import type { RingPort } from '../../src/port/port.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { VIRTIO_NET_F } from '../../src/virtio/virtio.js'

/** Room for the rings, slots and buffers of a queue pair of usual sizes. */
const PAIR_MEMORY_BYTES = 24 * 2 ** 20

const engines: Engine[] = []
const guests: EmbeddedGuest[] = []

/** A switch that the test steps itself, with all the time for requests; closed by cleanUp(). */
export function newEngine(options: EngineOptions = {}): Engine {
  const engine = new Engine({ memoryBytes: 256 * 2 ** 20, requestShare: 1, ...options })
  engines.push(engine)
  return engine
}

/** Whether a guest fits in little memory: every mapping of 64 MB and more has V8 collect its garbage. */
function hasUsualSizes({ features, ringSize, bufferBytes, txSlotBytes }: EmbeddedGuestOptions): boolean {
  const isMergeable = features === undefined || (features & VIRTIO_NET_F.MRG_RXBUF) !== 0n
  return isMergeable && ringSize === undefined && bufferBytes === undefined && txSlotBytes === undefined
}

/** A guest on a new embedded port, negotiated and with receive buffers posted. Port indices count from 0. */
export function attach(
  engine: Engine,
  name: string,
  options: EmbeddedGuestOptions = {},
  settings: Partial<PortSettings> & { control?: boolean; queues?: number } = {},
): EmbeddedGuest {
  const [ours, theirs] = socketPair()
  engine.addPort({ kind: 'embedded', name, fd: ours, ...settings })
  const guest = new EmbeddedGuest(theirs, {
    pump: () => engine.step(),
    ...(hasUsualSizes(options) ? { memory: (options.queuePairs ?? 1) * PAIR_MEMORY_BYTES } : {}),
    ...options,
  })
  guests.push(guest)
  engine.step()
  return guest
}

/** The tuning of an engine as it is read from outside. */
export function tuningOf(engine: Engine): TuneState {
  const nameOf = (row: number) => engine.ports.find(({ index }) => index === row)?.name
  return readTuning(engine.memory.u64, new TuningReader(engine.settings.buffer), nameOf)
}

/** What the controller of an engine has decided, oldest first. */
export function decisionsOf(engine: Engine): readonly LoggedDecision[] {
  return new TuningReader(engine.settings.buffer).read().decisions
}

/** Closes all guests and engines: call it in afterEach. */
export function cleanUp(): void {
  for (const guest of guests.splice(0)) guest.close()
  for (const engine of engines.splice(0)) engine.close()
}

/** The vif at a row of the port table. */
export function ringPort(engine: Engine, index: number): RingPort {
  const port = engine.ports.find((each) => each.index === index)
  if (!port?.hasRings) throw new Error(`port ${index} has no rings`)
  return port
}

/** An Ethernet frame from station 02::from to 02::to with a recognisable payload. */
export function frame(to: number, from: number, bytes: number, fill = 0): Uint8Array {
  const data = new Uint8Array(bytes)
  data.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5])
  for (let at = 14; at < bytes; at++) data[at] = (at + fill) & 0xff
  return data
}
/** The same to all stations. */
export function broadcast(from: number, bytes = 60): Uint8Array {
  const data = frame(0, from, bytes)
  data.fill(0xff, 0, 6)
  return data
}

/** A frame with 16-bit words (types and control fields of tags) in front of its EtherType. */
export function withTags(plain: Uint8Array, words: readonly number[]): Uint8Array {
  const tags = words.flatMap((word) => [word >> 8, word & 255])
  return Uint8Array.from([...plain.subarray(0, 12), ...tags, ...plain.subarray(12)])
}

/** The same frame as TCP over IPv4, as far as the switch reads it: frames that wait when their guest has no buffers. */
export function asTcp(frame: Uint8Array): Uint8Array {
  frame.set([0x08, 0x00, 0x45], 12)
  frame[23] = 6
  return frame
}

/** A counter (C_*) of a port. */
export function counter(engine: Engine, port: number, index: number): number {
  return Number(new PortRow(engine.memory, port).getU64(P_COUNTERS + index * 8))
}

/** Frames that a port dropped for a reason (DROP_*). */
export function dropped(engine: Engine, port: number, reason: number): number {
  return Number(new PortRow(engine.memory, port).getU64(P_DROPS + reason * 8))
}
