/** One step of an architecture, and the tables that steps come in. */

/** What a step is. */
export type StepKind = 'copy' | 'grant' | 'notification' | 'switch' | 'bridge' | 'driver' | 'stack' | 'trap'

/**
 * What it is done for. `nic`: a frame that comes from a NIC or goes to one, beside `frame`. `poll`: a burst taken from a
 * ring. `interrupt` of a NIC, `call`, `kick`: those that were needed. `wake`: a sleep of the driver domain that ends.
 */
export const PER = [
  'frame',
  'byte',
  'nic',
  'interrupt',
  'poll',
  'publication',
  'call',
  'kick',
  'wake',
  'switch',
] as const
export type Per = (typeof PER)[number]

/** One step. */
export interface Step {
  readonly name: string
  readonly kind: StepKind
  /** The thread that does it; what a hypervisor does is done in the context of the thread that called it. */
  readonly at: 'guest' | 'driver'
  readonly way: 'toVm' | 'fromVm' | 'both'
  readonly per: Per
  readonly cycles: number
  /** Where the figure is from, or "assumed" with what it rests on. */
  readonly source: string
}

/** The tables of one machine. */
export interface Tables {
  /** A program on an operating system that has its NICs to itself. */
  readonly native: readonly Step[]
  /** What a VMM adds where the program runs in its driver domain or host. */
  readonly beside: Readonly<Record<'type-1' | 'type-2' | 'xen' | 'ringferry', readonly Step[]>>
  /** The driver domain's (host's, hypervisor's) side for a program in a guest, whatever the device. */
  readonly backend: Readonly<Record<'type-1' | 'type-2' | 'xen' | 'ringferry', readonly Step[]>>
  /** The guest's operating system with a virtual NIC. */
  readonly guest: readonly Step[]
  /** What the device adds, by architecture: rings, or registers that trap. */
  readonly device: Readonly<
    Record<
      'type-1' | 'type-2' | 'xen' | 'ringferry',
      Readonly<Record<'paravirtual' | 'full', readonly Step[]>>
    >
  >
  /** A guest with a function of the NIC: native, and interrupts through the hypervisor. */
  readonly direct: readonly Step[]
}
