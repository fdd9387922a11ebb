import type { Bed, BedOptions, BedSpec } from './bed.js'
import { buildBed } from './build.js'
import { buildXenBed } from './xen-bed.js'
import { isXenBed } from './xen-plan.js'

/** Builds the bed of a spec: on this host, or in an emulated machine with Xen. Throws as buildBed does. */
export function startBed(spec: BedSpec, options: BedOptions): Promise<Bed> {
  return isXenBed(spec) ? buildXenBed(spec, options) : buildBed(spec, options)
}
