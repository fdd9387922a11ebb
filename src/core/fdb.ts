/** The forwarding database as the TypeScript side sees it: its contents, its keys, the seed of its hash. */
import {
  FDB_AT,
  FDB_ENTRY_BYTES,
  FDB_LINE_SHIFT,
  FDB_WAYS,
  G_FDB_AGE_S,
  G_FDB_SEED,
  G_NOW_S,
  GLOBALS_AT,
} from './layout.js'

/** Words of the hash's seed. */
export const FDB_SEED_WORDS = 3

/** Sets the seed of the hash; the database must be empty. @param memory the engine's linear memory */
export function seedFdb(memory: BigUint64Array, seed: BigUint64Array): void {
  memory.set(seed, (GLOBALS_AT + G_FDB_SEED) / 8)
}

/** An address in the forwarding database. */
export interface FdbEntry {
  /** "02:00:00:00:00:01" */
  readonly mac: string
  /** 0: untagged. */
  readonly vlan: number
  /** Row of the port on which it was heard. */
  readonly port: number
  /** Seconds since it was heard. */
  readonly ageS: number
}

const MAC_BYTES = 6
const VLAN_SHIFT = 48n

/** The address and VLAN that a key of the plane stands for. */
export function parseFdbKey(key: bigint): Pick<FdbEntry, 'mac' | 'vlan'> {
  const bytes = Array.from({ length: MAC_BYTES }, (_, i) => Number((key >> BigInt(i * 8)) & 0xffn))
  return {
    mac: bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    vlan: Number((key >> VLAN_SHIFT) & 0xfffn),
  }
}

/** The address in the low 48 bits of a key: "02:00:00:00:00:01" the other way round. */
export function macBits(mac: string): bigint {
  const bytes = mac.split(':').map((byte) => BigInt(`0x${byte}`))
  return bytes.reduceRight((bits, byte) => (bits << 8n) | byte, 0n)
}

/** Which addresses; what is left out may be any. */
export interface FdbFilter {
  /** The port's name. */
  readonly port?: string
  /** 0: untagged. */
  readonly vlan?: number
  /** "02:00:00:00:00:01" */
  readonly mac?: string
}

/** The live entries of the forwarding database. The engine may change it meanwhile; an entry is read as it is found. */
export function readFdb(memory: BigUint64Array): FdbEntry[] {
  const words = new Uint32Array(memory.buffer, 0, FDB_AT / 4)
  const nowS = words[(GLOBALS_AT + G_NOW_S) >>> 2] as number
  const limitS = words[(GLOBALS_AT + G_FDB_AGE_S) >>> 2] as number
  const entries: FdbEntry[] = []
  const step = FDB_ENTRY_BYTES / 8
  const end = FDB_AT / 8 + 2 ** FDB_LINE_SHIFT * FDB_WAYS * step
  for (let at = FDB_AT / 8; at < end; at += step) {
    const key = memory[at] as bigint
    if (key === 0n) continue
    const value = memory[at + 1] as bigint
    const ageS = Math.max(0, nowS - Number(value >> 32n))
    if (ageS > limitS) continue
    entries.push({ ...parseFdbKey(key), port: Number(value & 0xffffffffn), ageS })
  }
  return entries
}
