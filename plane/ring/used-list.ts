// Chains of an open batch whose used entries are not written yet, in the order in which they will be: a linked list
// in the merge table of the receive ring. Used entries need not follow the available ring (IN_ORDER is not offered).
import { LISTED_BYTES, M_CHAINS, M_FIRST, M_LAST, M_LIST, V_LISTED, V_MERGE } from '../layout'
import { complete } from './door'

function chainAt(table: usize, number: u32): usize {
  return table + M_LIST + <usize>(number - 1) * LISTED_BYTES
}

/** Whether so many more chains fit into the list. */
export function hasListRoom(v: usize, chains: u32): boolean {
  return load<u32>(v, V_LISTED) + chains <= load<u32>(<usize>load<u32>(v, V_MERGE), M_CHAINS)
}

/**
 * Puts a chain behind another one of the list, or at its end. There must be room.
 * @param after number of the chain before it, or 0: the last
 * @returns its number, from 1
 */
export function listChain(v: usize, after: u32, head: u32, bytes: u32): u32 {
  const table: usize = load<u32>(v, V_MERGE)
  const number = load<u32>(v, V_LISTED) + 1
  store<u32>(v, number, V_LISTED)
  const last = load<u32>(table, M_LAST)
  if (after === 0) after = last
  const at = chainAt(table, number)
  store<u32>(at, head)
  store<u32>(at, bytes, 4)
  if (after === 0) {
    store<u32>(at, 0, 8)
    store<u32>(table, number, M_FIRST)
  } else {
    const before = chainAt(table, after)
    store<u32>(at, load<u32>(before, 8), 8)
    store<u32>(before, number, 8)
  }
  if (after === last) store<u32>(table, number, M_LAST)
  return number
}

/** Adds to the bytes written into a listed chain. */
export function growChain(v: usize, number: u32, bytes: u32): void {
  const at = chainAt(load<u32>(v, V_MERGE), number)
  store<u32>(at, load<u32>(at, 4) + bytes, 4)
}

/** Writes the used entries of all listed chains and empties the list. */
export function writeList(v: usize): void {
  if (load<u32>(v, V_LISTED) === 0) return
  const table: usize = load<u32>(v, V_MERGE)
  let number = load<u32>(table, M_FIRST)
  while (number !== 0) {
    const at = chainAt(table, number)
    complete(v, load<u32>(at), load<u32>(at, 4))
    number = load<u32>(at, 8)
  }
  store<u32>(table, 0, M_FIRST)
  store<u32>(table, 0, M_LAST)
  store<u32>(v, 0, V_LISTED)
}
