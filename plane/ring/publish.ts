// Publication is collected: whoever ends a batch says so, at any time within a burst, and nothing is visible to a
// frontend before publishCollected(), at the end of the burst or turn.
//
//   frames written ... limit reached -> collect()     frames written ... burst over -> collect()
//                                       |                                             |
//                                       +--> list: (vring, its used index then) ... --+--> publishCollected()
//
// An entry keeps where its batch ends, so that what was written behind it stays held, and a batch is one used-index
// store with one call at most. The list is the one place for what is done once for a whole burst (see door.ts).
//
// The dirty list is the other half: rings that the burst touched, for whom its end decides (hold.ts).
import {
  COLLECTED_AT,
  DIRTY_AT,
  G_COLLECTED,
  G_DIRTY,
  G_PUBLISHING,
  GLOBALS_AT,
  MAX_COLLECTED,
  MAX_DIRTY,
  V_FLAGS,
  V_PORT,
  V_USED_COLLECTED,
  V_USED_NEXT,
  VRING_DIRTY,
} from '../layout'
import { carryOut } from './carry-out'
import { publishUpTo } from './door'

/** Marks a vring as touched by the burst. */
export function markDirty(v: usize): void {
  const flags = load<u32>(v, V_FLAGS)
  if (flags & VRING_DIRTY) return
  const dirty = load<u32>(GLOBALS_AT, G_DIRTY)
  if (dirty >= <u32>MAX_DIRTY) {
    collect(v)
    return
  }
  store<u32>(v, flags | VRING_DIRTY, V_FLAGS)
  store<u32>(<usize>DIRTY_AT + <usize>dirty * 4, <u32>v)
  store<u32>(GLOBALS_AT, dirty + 1, G_DIRTY)
}

/** Has all used entries that are written now published at the end of the burst. */
export function collect(v: usize): void {
  const next = load<u32>(v, V_USED_NEXT)
  if (next === load<u32>(v, V_USED_COLLECTED)) return
  if (load<u32>(GLOBALS_AT, G_COLLECTED) >= <u32>MAX_COLLECTED) publishCollected(0)
  store<u32>(v, next, V_USED_COLLECTED)
  const count = load<u32>(GLOBALS_AT, G_COLLECTED)
  const at: usize = <usize>COLLECTED_AT + <usize>count * 8
  store<u32>(at, <u32>v)
  store<u32>(at, next, 4)
  store<u32>(GLOBALS_AT, count + 1, G_COLLECTED)
}

/**
 * Publishes what was collected, in order. A trap is laid to the port in G_PUBLISHING; called again, it does the rest.
 * @param port linear offset of the only port whose rings are published; 0: all
 */
export function publishCollected(port: usize): void {
  const count = load<u32>(GLOBALS_AT, G_COLLECTED)
  let kept: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const at: usize = <usize>COLLECTED_AT + <usize>i * 8
    const v: usize = load<u32>(at)
    const owner: usize = load<u32>(v, V_PORT)
    if (port !== 0 && owner !== port) {
      store<u64>(<usize>COLLECTED_AT + <usize>kept * 8, load<u64>(at))
      kept++
      continue
    }
    store<u32>(GLOBALS_AT, <u32>owner, G_PUBLISHING)
    publishUpTo(v, load<u32>(at, 4))
  }
  store<u32>(GLOBALS_AT, kept, G_COLLECTED)
  carryOut()
  store<u32>(GLOBALS_AT, 0, G_PUBLISHING)
}
