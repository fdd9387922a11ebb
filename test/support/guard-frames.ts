/** Packets that a guarded port may or may not send, and whether they pass. */
import { expect } from 'vitest'
import { C_EGRESS_FRAMES, DROP_SPOOFED, NET_HEADER_BYTES, STAGE_AT } from '../../src/core/layout.js'
import type { Engine } from '../../src/engine/engine.js'
import type { PortSettings } from '../../src/port/config.js'
import { parseHostAddress } from '../../src/port/guard-address.js'
import { attach, counter, dropped, newEngine } from './switch.js'

export const OWN = [2, 0, 0, 0, 0, 1]
export const OTHER = [2, 0, 0, 0, 0, 9]
export const ALL = [255, 255, 255, 255, 255, 255]
export const ZERO4 = [0, 0, 0, 0]
export const OWN4 = [10, 0, 0, 1]
export const OTHER4 = [10, 0, 0, 9]
export const address6 = (text: string): number[] => [...parseHostAddress(text, { owner: 'test', path: [] })]
export const ZERO6 = new Array<number>(16).fill(0)
export const OWN6 = address6('fd00::1')
export const OTHER6 = address6('fd00::9')
/** Modified EUI-64 of 02:00:00:00:00:01. */
export const LINK_LOCAL6 = address6('fe80::ff:fe00:1')
export const ALL_NODES = address6('fd00::2').fill(0xff, 0, 1).fill(2, 1, 2)

export const ethernet = (type: number, payload: number[], source = OWN, destination = ALL): number[] => [
  ...destination,
  ...source,
  type >> 8,
  type & 255,
  ...payload,
]
export const arp = (
  operation: number,
  mac: number[],
  sender: number[],
  target: number[],
  type = 0x806,
): number[] =>
  ethernet(type, [0, 1, 8, 0, 6, 4, 0, operation, ...mac, ...sender, 0, 0, 0, 0, 0, 0, ...target])
export const ipv4 = (
  source: number[],
  target: number[],
  protocol: number,
  payload: number[],
  options = 0,
): number[] =>
  ethernet(0x800, [
    ...[0x45 + options, 0, 0, 20 + options * 4 + payload.length, 0, 0, 0, 0, 64, protocol, 0, 0],
    ...source,
    ...target,
    ...new Array<number>(options * 4).fill(1),
    ...payload,
  ])
export const udp = (from: number, to: number): number[] => [0, from, 0, to, 0, 12, 0, 0, 1, 2, 3, 4]
export const ipv6 = (source: number[], next: number, payload: number[], target = ALL_NODES): number[] =>
  ethernet(0x86dd, [
    ...[0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, next, 255],
    ...source,
    ...target,
    ...payload,
  ])
export const linkLayer = (type: number, mac: number[]): number[] => [type, 1, ...mac]
export const neighbour = (type: number, target: number[], options: number[] = []): number[] => [
  ...[type, 0, 0, 0, 0, 0, 0, 0],
  ...target,
  ...options,
]
export const NS = 135
export const NA = 136
export const echo = [128, 0, 0, 0, 0, 1, 0, 1]
export const extension = (next: number, bytes: number): number[] => [
  next,
  bytes / 8 - 1,
  ...new Array<number>(bytes - 2).fill(0),
]
export const fragment = (next: number, offset: number): number[] => [
  next,
  0,
  offset >> 5,
  (offset << 3) & 255,
  0,
  0,
  0,
  7,
]
export const tagged = (data: number[], tags: number): number[] => [
  ...data.slice(0, 12),
  ...Array.from({ length: tags }, () => [0x81, 0, 0, 7]).flat(),
  ...data.slice(12),
]

export function ingest(engine: Engine, port: number, data: ArrayLike<number>): void {
  engine.memory.u8.fill(0, STAGE_AT, STAGE_AT + NET_HEADER_BYTES)
  engine.memory.u8.set(data, STAGE_AT + NET_HEADER_BYTES)
  engine.plane.ingest(port, STAGE_AT, data.length + NET_HEADER_BYTES, NET_HEADER_BYTES)
  engine.plane.publish()
}

/** A switch whose port 0 is held to the settings. */
export function guarded(settings: Partial<PortSettings>): Engine {
  const engine = newEngine()
  attach(engine, 'a', {}, settings)
  attach(engine, 'b')
  return engine
}

/** Whether a frame from port 0 reaches port 1. It must do so or be counted as spoofed. */
export function passes(engine: Engine, data: ArrayLike<number>): boolean {
  const received = counter(engine, 1, C_EGRESS_FRAMES)
  const spoofed = dropped(engine, 0, DROP_SPOOFED)
  ingest(engine, 0, data)
  const came = counter(engine, 1, C_EGRESS_FRAMES) - received
  expect(came + dropped(engine, 0, DROP_SPOOFED) - spoofed).toBe(1)
  return came === 1
}
