// Grant copies: bytes between pages that guests grant and the plane's own memory, moved by the hypervisor. They are
// collected, and carried out as one list:
//
//   a batch that ended -> netif-rx: copies, responses (unseen) --+
//   a burst of requests -> netif-tx: copies ---------------------+--> carryOut(): one call for the list
//                                                                       then, ring by ring: responses pushed, one event
//
// So a list is what the literature calls a container. It holds one batch of each ring at most: a second one has the list
// carried out before it, so that who publishes frame by frame pays for a list, a push and an event a frame.
//
// A status is RSP_ERROR until its copy is done; what failed is answered with an error, and counted as dropped.
import { count, drop } from '../counters'
import {
  C_GRANT_LISTS,
  COPIES_AT,
  COPY_BYTES,
  COPY_OWNER_BYTES,
  COPY_OWNERS_AT,
  DROP_GRANT,
  G_COPIES,
  G_COPY_LISTS,
  G_PUBLISHING,
  GLOBALS_AT,
  N_LISTED,
  P_GRANT_LIST,
  PUSHES_AT,
  TAKEN_SLOTS,
  V_BATCH,
  V_PORT,
} from '../layout'
import { indexOf, setBusy } from '../port'
import { closeList, copies, copyRoom, pushes } from './grant-copy'
import { copyGrants } from './hypervisor'
import { RSP_ERROR } from './netif'
import { finishRx, owes, stageFrame } from './netif-rx'
import { finishTx } from './netif-tx'
import { netifOf } from './shadow'

const COPY_STATUS: u32 = 20

/** Writes RSP_ERROR where a copy failed, and counts frames for guests that are lost by it. */
function judge(count: u32): void {
  let last: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    if (load<u16>(<usize>COPIES_AT + <usize>i * COPY_BYTES, COPY_STATUS) === 0) continue
    const owner: usize = <usize>COPY_OWNERS_AT + <usize>i * COPY_OWNER_BYTES
    store<u16>(load<u32>(owner, 4), <u16>RSP_ERROR)
    const number = load<u32>(owner, 8)
    if (number !== 0 && number !== last) drop(load<u32>(load<u32>(owner), V_PORT), DROP_GRANT)
    last = number
  }
}

function countList(port: usize, list: u32): void {
  if (load<u32>(port, P_GRANT_LIST) === list) return
  store<u32>(port, list, P_GRANT_LIST)
  count(port, C_GRANT_LISTS)
}

/** Carries out the list, pushes the responses that depend on it, and has the frontends called that want it. */
export function carryOut(): void {
  if (pushes === 0) return
  const listed = pushes
  const toDo = copies
  closeList()
  const list = <u32>load<u64>(GLOBALS_AT, G_COPY_LISTS) + 1
  if (toDo > 0) {
    store<u64>(GLOBALS_AT, list, G_COPY_LISTS)
    store<u64>(GLOBALS_AT, load<u64>(GLOBALS_AT, G_COPIES) + toDo, G_COPIES)
    copyGrants(COPIES_AT, toDo)
    judge(toDo)
  }
  for (let i: u32 = 0; i < listed; i++) {
    const v: usize = load<u32>(<usize>PUSHES_AT + <usize>i * 4)
    const n: usize = netifOf(v)
    if (n === 0) continue
    const port: usize = load<u32>(v, V_PORT)
    store<u32>(GLOBALS_AT, <u32>port, G_PUBLISHING)
    if (toDo > 0) countList(port, list)
    store<u32>(n, 0, N_LISTED)
    if (load<u32>(v, V_BATCH) !== 0) finishRx(v, n)
    else finishTx(v, n)
  }
  store<u32>(GLOBALS_AT, 0, G_PUBLISHING)
}

/** Lists copies and responses for all that is published in a receive ring, as far as its guest has requests. */
export function stage(v: usize, n: usize): void {
  if (!owes(v, n)) return
  if (load<u32>(n, N_LISTED) !== 0) carryOut()
  while (owes(v, n)) {
    // No frame takes more.
    if (copyRoom() < <u32>TAKEN_SLOTS) carryOut()
    if (stageFrame(v, n)) continue
    // What waits for requests is tried again by its port's poll.
    setBusy(indexOf(load<u32>(v, V_PORT)), true)
    return
  }
}
