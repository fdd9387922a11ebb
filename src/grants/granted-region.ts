import { GRANULE_BYTES } from '../core/layout.js'
import { memoryProblem } from '../sys/descriptor.js'
import { fileSize, mapUnitBytes } from '../sys/memory-map.js'
import { PAGE_BYTES } from '../sys/native-buffer.js'

/** Frontends that are no VM use addresses of a process. Source: Linux, Documentation/arch/x86/x86_64/mm.rst. */
const MAX_GUEST_ADDRESS = 2 ** 47
/** Largest memory of a guest: 1 TB, tables of 4 MB. */
const MAX_GUEST_BYTES = 2 ** 40

/** A region of guest memory. Bytes; `fd` is owned by the grants once it is set. */
export interface GrantedRegion {
  readonly guestAddress: number
  readonly sizeBytes: number
  readonly fileOffset: number
  readonly fd: number
}

function problemOf({ guestAddress, sizeBytes, fileOffset, fd }: GrantedRegion): string | undefined {
  if (sizeBytes <= 0 || guestAddress + sizeBytes > MAX_GUEST_ADDRESS)
    return 'reaches beyond guest address 2^47'
  const problem = memoryProblem(fd)
  if (problem !== undefined) return problem
  const unit = mapUnitBytes(fd)
  if (unit > GRANULE_BYTES) return 'pages larger than 2 MB cannot be granted; use 2 MB huge pages'
  if (guestAddress % PAGE_BYTES || sizeBytes % unit || fileOffset % unit) return 'not a whole number of pages'
  if (unit > PAGE_BYTES && guestAddress % GRANULE_BYTES) return 'huge pages off a 2 MB boundary'
  if (fileOffset + sizeBytes > fileSize(fd)) return 'longer than its file'
  return undefined
}

/** Why these regions cannot be granted, or undefined. */
export function regionsProblem(regions: readonly GrantedRegion[]): string | undefined {
  const sizeBytes = regions.reduce((sum, region) => sum + region.sizeBytes, 0)
  if (sizeBytes > MAX_GUEST_BYTES) return 'more than 1 TB of memory'
  for (const region of regions) {
    const problem = problemOf(region)
    if (problem !== undefined) return `memory region at 0x${region.guestAddress.toString(16)}: ${problem}`
  }
  return undefined
}
