import { GRANULE_BYTES } from '../core/layout.js'

/** Granules of guest memory from a first number on, and the linear offset of what belongs to them: entries, or pages. */
export interface GranuleGroup {
  readonly first: number
  count: number
  at: number
}

/**
 * The granules that regions of guest memory touch, as groups in order.
 * @param maxHole granules without a region that may lie within a group; 0: none
 */
export function groupGranules(
  regions: readonly { readonly guestAddress: number; readonly sizeBytes: number }[],
  maxHole: number,
): GranuleGroup[] {
  const groups: GranuleGroup[] = []
  for (const { guestAddress, sizeBytes } of [...regions].sort((a, b) => a.guestAddress - b.guestAddress)) {
    const first = Math.floor(guestAddress / GRANULE_BYTES)
    const end = Math.ceil((guestAddress + sizeBytes) / GRANULE_BYTES)
    const last = groups.at(-1)
    if (last && first - (last.first + last.count) <= maxHole)
      last.count = Math.max(last.count, end - last.first)
    else groups.push({ first, count: end - first, at: 0 })
  }
  return groups
}
