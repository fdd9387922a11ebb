import type { LinearMemory } from '../core/linear-memory.js'
import { addressOf } from '../sys/libc.js'

const known = new WeakMap<LinearMemory, number>()

/** Address in this process of a linear memory's offset 0: what system calls get, and mappings are laid over. */
export function memoryAddress(memory: LinearMemory): number {
  const address = known.get(memory) ?? addressOf(memory.u8)
  known.set(memory, address)
  return address
}
