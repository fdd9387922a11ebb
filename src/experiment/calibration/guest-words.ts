/** What one must know of the guests of a calibration or validation, in a sentence. */
import type { VmKind } from '../../lab/bed/bed.js'

const WORDS: Readonly<Partial<Record<VmKind, string>>> = {
  embedded: 'a program on a ring, without a kernel',
  uml: 'the kernel of User-Mode Linux and a program in it, several processes of the host whose time is counted in steps of 10 ms',
  qemu: 'a kernel and a program in it on processors of QEMU, whose own work is part of their time, counted in steps of 10 ms',
}

/** @param guests kinds of the VMs that received, at least one */
export function guestSentence(guests: readonly VmKind[]): string {
  return `Receivers are of kind ${guests.map((kind) => `${kind}${WORDS[kind] ? ` (${WORDS[kind]})` : ''}`).join(' and ')}.`
}

/** What of a guest with a kernel its processor time does not tell apart; nothing for others. */
export function notTold(guests: VmKind): string[] {
  return guests === 'embedded'
    ? []
    : [
        'What the kernel and its program take for a frame is one cost, "stack receive" or "stack transmit"; what the guest takes when nothing comes, and its kicks and timers where it sends, are part of them. Delays in the guest are not measured, for its clock is its own.',
      ]
}
