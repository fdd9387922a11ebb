/** What beds of every kind are made of. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import type { BedSpec, BedVm, VmSpec } from './bed.js'
import type { Undo } from './undo.js'

/** Whether two beds have the same VMs, but for what a running switch can change. */
export function hasSameVms(a: Pick<BedSpec, 'vms'>, b: Pick<BedSpec, 'vms'>): boolean {
  const fixed = ({ targetUs: _target, weight: _weight, ...rest }: VmSpec) => rest
  return isDeepStrictEqual(a.vms.map(fixed), b.vms.map(fixed))
}

/** The VM of a name. Throws CONFIG when there is none. */
export function findVm(vms: readonly BedVm[], name: string): BedVm {
  const vm = vms.find((each) => each.name === name)
  if (vm) return vm
  const names = vms.map((each) => each.name).join(', ')
  throw new RingferryError('CONFIG', `bed: there is no VM "${name}"; its VMs are ${names}`)
}

/** Something that rejects once, and nobody needs to listen to it. */
export function failure(): { readonly failed: Promise<never>; readonly fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  return { failed, fail }
}

/** A private folder of a bed; it goes with it. */
export function makeFolder(tag: string, undo: Undo): string {
  const folder = mkdtempSync(join(tmpdir(), `ringferry-bed-${tag}-`))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  undo.watchFolder(folder)
  return folder
}
