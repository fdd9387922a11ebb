import { bootNetns } from './netns.js'
import { checkGuestSpec } from './nic.js'
import { bootQemu } from './qemu.js'
import type { Guest, GuestSpec } from './spec.js'
import { bootUml } from './uml.js'

export { cleanUp } from './process-guest.js'
export * from './spec.js'

/**
 * Boots a guest and configures its NICs. Throws CONFIG (the description), NOT_FOUND (a program or kernel is
 * missing; says what to install), PERMISSION, GUEST (it did not come up; quotes its last words). After an
 * error nothing of the guest is left.
 */
export async function bootGuest(spec: GuestSpec): Promise<Guest> {
  checkGuestSpec(spec)
  switch (spec.kind) {
    case 'uml':
      return bootUml(spec)
    case 'qemu':
      return bootQemu(spec)
    case 'netns':
      return bootNetns(spec)
  }
}
