/**
 * Reference model: the walk along one descriptor chain, as the specification tells it.
 * Memory is a snapshot of a guest whose physical addresses start at 0, so an address is an index.
 * Source: virtio 1.3, 2.7.5 and 2.7.5.3.
 */

/** Guest memory as bytes; guest physical address 0 is byte 0. */
export interface Snapshot {
  readonly u8: Uint8Array
  readonly data: DataView
}

export interface Buffer0 {
  readonly address: number
  readonly bytes: number
}

export type ChainFault = 'bad chain' | 'bad address' | 'too long'

export interface Chain {
  readonly buffers: readonly Buffer0[]
  readonly bytes: number
}

export interface ChainRules {
  /** Guest physical address of the descriptor table, and its entries. */
  readonly desc: number
  readonly size: number
  /** Whether INDIRECT_DESC was negotiated. */
  readonly indirect: boolean
}

const NEXT = 1
const WRITE = 2
const INDIRECT = 4
/** Longest indirect table: a limit of this device, which 2.7.4.1 allows. */
const MAX_TABLE = 1024

export function snapshot(u8: Uint8Array): Snapshot {
  return { u8, data: new DataView(u8.buffer, u8.byteOffset, u8.byteLength) }
}

function inside(memory: Snapshot, address: bigint, bytes: number): boolean {
  return address + BigInt(bytes) <= BigInt(memory.u8.length)
}

/**
 * Follows a chain from its head.
 * @param writable which buffers it must consist of
 * @param need writable: stop when so many bytes are found; readable: the most a chain may have
 */
export function walkChain(
  memory: Snapshot,
  rules: ChainRules,
  head: number,
  writable: boolean,
  need: number,
): Chain | ChainFault {
  const buffers: Buffer0[] = []
  let bytes = 0
  let table = rules.desc
  let entries = rules.size
  let index = head
  let nested = false
  for (let steps = 0; steps < entries; ) {
    const at = table + index * 16
    const address = memory.data.getBigUint64(at, true)
    const length = memory.data.getUint32(at + 8, true)
    const flags = memory.data.getUint16(at + 12, true)
    const next = memory.data.getUint16(at + 14, true)
    if ((flags & INDIRECT) !== 0) {
      const lawful = rules.indirect && !nested && (flags & NEXT) === 0
      if (!lawful || length === 0 || length % 16 !== 0 || length / 16 > MAX_TABLE) return 'bad chain'
      if (!inside(memory, address, length)) return 'bad address'
      nested = true
      table = Number(address)
      entries = length / 16
      index = 0
      steps = 0
      continue
    }
    if (((flags & WRITE) !== 0) !== writable) return 'bad chain'
    bytes += length
    if (!writable && bytes > need) return 'too long'
    if (length > 0 && !inside(memory, address, length)) return 'bad address'
    if (length > 0) buffers.push({ address: Number(address), bytes: length })
    if ((writable && bytes >= need) || (flags & NEXT) === 0) return { buffers, bytes }
    if (next >= entries) return 'bad chain'
    index = next
    steps++
  }
  return 'bad chain'
}

/** The bytes of a readable chain. */
export function readChain(memory: Snapshot, chain: Chain): Uint8Array {
  const all = new Uint8Array(chain.bytes)
  let at = 0
  for (const { address, bytes } of chain.buffers) {
    all.set(memory.u8.subarray(address, address + bytes), at)
    at += bytes
  }
  return all
}
