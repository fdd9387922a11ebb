// Copies between guests. Small frames go by 16-byte vectors with an overlapping last one, large ones by
// memory.copy, whose call costs more than it saves below LARGE bytes.

const LARGE: usize = 1024

/** Copies n bytes; the ranges do not overlap. Writes and reads exactly n bytes. */
export function copy(to: usize, from: usize, n: usize): void {
  if (n >= 16) {
    if (n > LARGE) {
      memory.copy(to, from, n)
      return
    }
    let at: usize = 0
    while (at + 64 <= n) {
      const a = v128.load(from + at)
      const b = v128.load(from + at, 16)
      const c = v128.load(from + at, 32)
      const d = v128.load(from + at, 48)
      v128.store(to + at, a)
      v128.store(to + at, b, 16)
      v128.store(to + at, c, 32)
      v128.store(to + at, d, 48)
      at += 64
    }
    while (at + 16 <= n) {
      v128.store(to + at, v128.load(from + at))
      at += 16
    }
    if (at < n) v128.store(to + n - 16, v128.load(from + n - 16))
    return
  }
  if (n >= 8) {
    const low = load<u64>(from)
    const high = load<u64>(from + n - 8)
    store<u64>(to, low)
    store<u64>(to + n - 8, high)
    return
  }
  if (n >= 4) {
    const low = load<u32>(from)
    const high = load<u32>(from + n - 4)
    store<u32>(to, low)
    store<u32>(to + n - 4, high)
    return
  }
  for (let at: usize = 0; at < n; at++) store<u8>(to + at, load<u8>(from + at))
}
