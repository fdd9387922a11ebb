import { record } from '../core/histogram.js'
import type { NetDriver } from '../driver/net-driver.js'
import { parseMac } from './frames.js'
import { Generator } from './generator.js'
import { type EmbeddedRole, LIVE, type SharedResults } from './messages.js'
import { Meter } from './meter.js'

/** IEEE 802 local experimental EtherType 1. */
const ETHER_TYPE = [0x88, 0xb5]
const HEADER_BYTES = 14
const MIN_BYTES = 60
const SEQUENCE_AT = HEADER_BYTES
const BURST = 64
const ROUND_TRIP_BYTES = 64
/** A frame that has not come back by then is lost. */
const LOST_US = 200_000

/** What an embedded guest does, poll by poll. */
export interface Work {
  /** Does what can be done now. Returns the frames moved. */
  turn(nowUs: number): number
  /** Longest sleep that the role allows, in microseconds. */
  restUs(nowUs: number): number
  /** Whether it sleeps because its transmit ring is full. */
  readonly waitsForRoom: boolean
}

const FOREVER_US = Number.POSITIVE_INFINITY

/** A frame with a recognisable payload. */
function makeFrame(to: Uint8Array, from: Uint8Array, bytes: number): Uint8Array {
  const frame = new Uint8Array(bytes)
  frame.set(to, 0)
  frame.set(from, 6)
  frame.set(ETHER_TYPE, 12)
  for (let at = HEADER_BYTES; at < bytes; at++) frame[at] = at & 0xff
  return frame
}

/** Lets the bridge learn where a station is, by a broadcast. */
export function announce(driver: NetDriver, mac: Uint8Array): void {
  driver.send(makeFrame(new Uint8Array(6).fill(0xff), mac, MIN_BYTES))
}

function sink(driver: NetDriver, touch: boolean): Work {
  return {
    turn: () => driver.drainRx(touch),
    restUs: () => FOREVER_US,
    waitsForRoom: false,
  }
}

function source(
  driver: NetDriver,
  results: SharedResults,
  mac: Uint8Array,
  role: Extract<EmbeddedRole, { kind: 'source' }>,
): Work {
  driver.prepareTx([makeFrame(parseMac(role.to), mac, role.frameBytes)])
  const { live } = results
  const ringSize = driver.tx().size
  const stepUs = role.rateFps === undefined ? 0 : 1e6 / role.rateFps
  let dueUs = 0
  let full = false
  return {
    turn(nowUs) {
      driver.drainRx(false)
      let wanted = BURST
      if (stepUs > 0) {
        // Open loop: what could not be sent in time is sent late, up to a ring of frames.
        if (dueUs === 0 || nowUs - dueUs > ringSize * stepUs) dueUs = nowUs
        wanted = nowUs < dueUs ? 0 : Math.min(BURST, Math.floor((nowUs - dueUs) / stepUs) + 1)
        if (wanted === 0) {
          full = false
          return 0
        }
      }
      const sent = driver.sendPrepared(wanted)
      dueUs += sent * stepUs
      full = sent === 0
      live[LIVE.txFrames] = (live[LIVE.txFrames] as number) + sent
      return sent
    },
    restUs: (nowUs) => (full || stepUs === 0 ? FOREVER_US : Math.max(0, dueUs - nowUs)),
    get waitsForRoom() {
      return full
    },
  }
}

function echo(driver: NetDriver, results: SharedResults, mac: Uint8Array): Work {
  const { live } = results
  return {
    turn() {
      let moved = 0
      while (moved < BURST) {
        const received = driver.receive()
        if (!received) break
        moved++
        driver.rxFrames++
        driver.rxBytes += received.frame.length
        const { frame } = received
        if (((frame[0] as number) & 1) !== 0) continue
        frame.copyWithin(0, 6, 12)
        frame.set(mac, 6)
        if (driver.send(frame)) live[LIVE.txFrames] = (live[LIVE.txFrames] as number) + 1
      }
      driver.reapTx()
      return moved
    },
    restUs: () => FOREVER_US,
    waitsForRoom: false,
  }
}

function roundTrip(
  driver: NetDriver,
  results: SharedResults,
  mac: Uint8Array,
  role: Extract<EmbeddedRole, { kind: 'round-trip' }>,
): Work {
  const { live } = results
  const frame = makeFrame(parseMac(role.to), mac, role.frameBytes ?? ROUND_TRIP_BYTES)
  const data = new DataView(frame.buffer)
  const intervalUs = role.intervalUs ?? 0
  let sequence = 0
  let sentUs = 0
  let nextUs = 0
  let waits = false
  const take = (nowUs: number): number => {
    let moved = 0
    for (let received = driver.receive(); received; received = driver.receive()) {
      moved++
      driver.rxFrames++
      driver.rxBytes += received.frame.length
      const view = new DataView(received.frame.buffer, received.frame.byteOffset, received.frame.length)
      if (!waits || view.byteLength < frame.length || view.getUint32(SEQUENCE_AT) !== sequence) continue
      record(results.times, nowUs - sentUs)
      waits = false
      nextUs = sentUs + intervalUs
    }
    return moved
  }
  return {
    turn(nowUs) {
      const moved = take(nowUs)
      if (waits && nowUs - sentUs > LOST_US) {
        waits = false
        live[LIVE.lost] = (live[LIVE.lost] as number) + 1
      }
      if (waits || nowUs < nextUs) return moved
      driver.reapTx()
      sequence = (sequence + 1) >>> 0
      data.setUint32(SEQUENCE_AT, sequence)
      sentUs = nowUs
      waits = driver.send(frame)
      if (!waits) return moved
      live[LIVE.txFrames] = (live[LIVE.txFrames] as number) + 1
      return moved + 1
    },
    restUs: (nowUs) => Math.max(0, (waits ? sentUs + LOST_US : nextUs) - nowUs),
    waitsForRoom: false,
  }
}

/** The work of a role. Call it once on a fresh driver. */
export function makeWork(
  driver: NetDriver,
  results: SharedResults,
  mac: Uint8Array,
  role: EmbeddedRole,
): Work {
  switch (role.kind) {
    case 'sink':
      announce(driver, mac)
      return sink(driver, role.touch ?? true)
    case 'source':
      return source(driver, results, mac, role)
    case 'echo':
      announce(driver, mac)
      return echo(driver, results, mac)
    case 'round-trip':
      return roundTrip(driver, results, mac, role)
    case 'generator':
      // Its ring takes nothing but its own frames; the first of them tells the bridge where it is.
      return new Generator(driver, results, mac, role)
    case 'meter':
      announce(driver, mac)
      return new Meter(driver, results, mac, role.touch ?? true)
  }
}
