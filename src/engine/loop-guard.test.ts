import { describe, expect, it } from 'vitest'
import { BareSwitch, macOf } from '../../test/support/bare-switch.js'
import { DROP_LOOP } from '../core/layout.js'
import type { PortKind, PortSettings } from '../port/config.js'
import type { Port, PortEvent } from '../port/port.js'
import { CHECK_US, FIRST_HOLD_US, LONGEST_HOLD_US, LoopGuard } from './loop-guard.js'

const ALL = [255, 255, 255, 255, 255, 255]
const TICK_US = 100_000
/** Rounds in a tick: what a loop does is bounded here by this alone. */
const ROUNDS = 20

/** Ports of which some lead to one bridge outside. Port 0 is a station that broadcasts in every tick. */
class Outside {
  readonly real: BareSwitch
  readonly ports: readonly Port[]
  readonly guard: LoopGuard
  readonly told: string[] = []
  /** Ports that the bridge outside joins. */
  joined: readonly number[]
  nowUs = 0
  /** Frames that the bridge outside was given in the last tick. */
  carried = 0

  constructor(kinds: readonly PortKind[], joined: readonly number[], settings: Partial<PortSettings>[] = []) {
    this.real = new BareSwitch(kinds.map((_, index) => settings[index] ?? {}))
    this.ports = kinds.map((kind, index) => ({ index, kind, name: `p${index}` }) as Port)
    this.guard = new LoopGuard(this.real.memory, this.real.plane)
    this.joined = joined
  }

  /** A tick of the engine, after a broadcast of the station and some rounds of the bridge outside. */
  tick(broadcasts = 1, tag: number[] = []): void {
    this.nowUs += TICK_US
    this.carried = 0
    for (let n = 0; n < broadcasts; n++)
      this.real.send(0, Uint8Array.from([...ALL, ...macOf(1), ...tag, 8, 6]))
    for (let round = 0; round < ROUNDS; round++) this.#forward()
    this.guard.check(this.nowUs, this.ports, (port: Port, event: PortEvent, detail: string) =>
      this.told.push(`${port.name}: ${event} (${detail})`),
    )
  }

  #forward(): void {
    const taken = this.ports.map(({ index }) => this.real.take(index))
    for (const from of this.joined)
      for (const frame of taken[from] ?? []) {
        this.carried++
        for (const to of this.joined) if (to !== from) this.real.send(to, frame)
      }
  }

  ticksFor(us: number): void {
    for (let n = 0; n < us / TICK_US; n++) this.tick()
  }
  held(): number[] {
    return this.ports
      .filter(({ index }) => this.guard.heldDown(index) !== undefined)
      .map(({ index }) => index)
  }
}

describe('LoopGuard', () => {
  it.each<[string, readonly PortKind[], number[]]>([
    ['two TAPs', ['vif', 'tap', 'tap'], [1, 2]],
    ['a NIC and a TAP', ['vif', 'packet', 'tap'], [2]],
    ['a TAP and a guest', ['vif', 'tap', 'vif'], [2]],
    ['a guest and a stream', ['vif', 'vif', 'stream'], [1]],
  ])('holds one port down, the guest before the uplink, and nothing goes round when %s lead to one bridge', (_, kinds, lowest) => {
    const outside = new Outside(kinds, [1, 2])
    outside.tick()
    expect(outside.carried).toBeGreaterThan(ROUNDS)
    outside.ticksFor(2 * TICK_US)
    const [held, ...others] = outside.held()
    expect(lowest).toContain(held)
    expect(others).toEqual([])
    expect(outside.told).toHaveLength(1)
    expect(outside.told[0]).toMatch(
      new RegExp(
        `^p${held}: loop .*comes back on port p[12]; held down for 10 s; port p${3 - (held as number)} goes on`,
      ),
    )
    outside.ticksFor(3 * TICK_US)
    expect(outside.carried).toBe(1)
    expect(outside.real.drops(held as number)[DROP_LOOP]).toBeGreaterThan(0)
  })

  it('finds a loop in one VLAN of two trunks', () => {
    const trunk = { trunk: [7, 8] }
    const outside = new Outside(['vif', 'tap', 'tap'], [1, 2], [trunk, trunk, trunk])
    for (let n = 0; n < 4; n++) outside.tick(1, [0x81, 0, 0, 7])
    expect(outside.held()).toHaveLength(1)
  })

  it('keeps the port down for twice as long each time, without letting the loop begin again, and lets it go when it is gone', () => {
    const outside = new Outside(['vif', 'tap', 'tap'], [1, 2])
    outside.ticksFor(6 * TICK_US)
    const [held] = outside.held()
    let most = 0
    for (let us = 0; us < 700e6; us += TICK_US) {
      outside.tick()
      most = Math.max(most, outside.carried)
    }
    // One broadcast in every tick, and a probe now and then.
    expect(most).toBeLessThanOrEqual(3)
    const seconds = outside.told.map((line) => Number(/for (\d+) s/.exec(line)?.[1]))
    expect(seconds.slice(0, 6)).toEqual([10, 20, 40, 80, 160, 300])
    outside.joined = []
    outside.ticksFor(LONGEST_HOLD_US + 2 * CHECK_US)
    expect(outside.held()).toEqual([])
    expect(outside.told.at(-1)).toBe(
      `p${held}: loop-ended (no probe came back; the port carries frames again)`,
    )
    outside.real.take(held as number)
    outside.real.send(0, Uint8Array.from([...ALL, ...macOf(1), 8, 6]))
    expect(outside.real.take(held as number)).toHaveLength(1)
  })

  it('holds nothing down when addresses move and no probe comes back', () => {
    const outside = new Outside(['vif', 'vif', 'tap'], [])
    for (let n = 0; n < 50; n++) {
      for (let move = 0; move < 20; move++)
        outside.real.send(1 + (move & 1), Uint8Array.from([...ALL, ...macOf(1), 8, 6]))
      outside.tick()
    }
    expect([outside.held(), outside.told]).toEqual([[], []])
  })

  it('holds nothing down when a probe is sent again later by somebody who kept it', () => {
    const outside = new Outside(['vif', 'vif', 'tap'], [])
    for (let move = 0; move < 20; move++)
      outside.real.send(1 + (move & 1), Uint8Array.from([...ALL, ...macOf(1), 8, 6]))
    outside.real.take(1)
    outside.guard.check(TICK_US, outside.ports, () => {})
    const [probe] = outside.real.take(1)
    expect(probe?.length).toBe(60)
    outside.nowUs = FIRST_HOLD_US
    outside.real.send(2, probe as Uint8Array)
    outside.tick(0)
    expect([outside.held(), outside.told]).toEqual([[], []])
  })

  it.each<[PortKind, number[]]>([
    ['vif', [1]],
    ['packet', []],
  ])('tells of a %s port on which its own frames come back', (kind, held) => {
    const outside = new Outside(['vif', kind], [])
    for (let n = 0; n < 3; n++) {
      for (let move = 0; move < 20; move++)
        outside.real.send(move & 1, Uint8Array.from([...ALL, ...macOf(1), 8, 6]))
      for (const frame of outside.real.take(1)) outside.real.send(1, frame)
      outside.tick(0)
      for (const frame of outside.real.take(1)) outside.real.send(1, frame)
    }
    expect(outside.told).toHaveLength(1)
    expect(outside.told[0]).toMatch(/^p1: loop .*here/)
    expect(outside.held()).toEqual(held)
  })

  it("lets another switch's probes pass", () => {
    const outside = new Outside(['vif', 'tap'], [])
    const other = new Outside(['vif', 'tap', 'tap'], [1, 2])
    other.tick()
    const probe = [1, 2].flatMap((port) => other.real.take(port)).find((frame) => frame[12] === 0x88)
    outside.real.send(0, probe as Uint8Array)
    expect(outside.real.take(1)).toEqual([probe])
  })
})
