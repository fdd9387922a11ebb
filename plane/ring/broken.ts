// What a frontend says of its ring, checked. What is wrong breaks the ring (break-port.ts).
import { BROKEN_AVAIL_INDEX, BROKEN_HEAD, V_SIZE } from '../layout'
import { breakPort } from './break-port'
import { headAt, waiting } from './door'

/** Chains that wait, as waiting(); -1: the frontend claims more than the ring holds, and has broken it. */
export function checkedWaiting(v: usize): i32 {
  const chains = waiting(v)
  if (chains < 0) breakPort(v, BROKEN_AVAIL_INDEX)
  return chains
}

/** Head of a waiting chain, as headAt(); -1: it is no descriptor of the ring, which is broken. */
export function checkedHead(v: usize, ahead: u32): i32 {
  const head = headAt(v, ahead)
  if (head < load<u32>(v, V_SIZE)) return <i32>head
  breakPort(v, BROKEN_HEAD)
  return -1
}
