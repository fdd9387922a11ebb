/**
 * The threads of idle-threads.ts as machine code: a function (word) that touches nothing but its word. It takes no lock and
 * no memory, so that a thread of the idle class, which may not run again for long, never holds up another one.
 *
 *   again   the word says END: return
 *           it is even (off): wait in the kernel until it changes
 *           it is odd (on): spin until it changes, for one slice at most, and then wait until it changes
 *
 * Source: futex(2), FUTEX_WAIT (private) is 128; its number is 202 (x86-64) and 98 (arm64). `pause` and `isb` leave the
 * core to its other hardware thread.
 */

/** Polls in one slice: 30 ms to half a second, because pauses take 4 to 60 ns. A keeper that has stopped ends in it. */
const X64 = [
  // again:
  '8b17', // mov edx,DWORD [rdi]
  '83faff', // cmp edx,0xffffffff ; END
  '7426', // je done
  'f6c201', // test dl,0x1
  '7410', // je wait
  'b900008000', // mov ecx,0x800000
  // spin:
  'f390', // pause
  '3b17', // cmp edx,DWORD [rdi]
  '75e9', // jne again
  '83e901', // sub ecx,0x1
  '75f5', // jne spin
  // wait:
  'be80000000', // mov esi,0x80
  '4531d2', // xor r10d,r10d
  'b8ca000000', // mov eax,0xca
  '0f05', // syscall
  'ebd3', // jmp again
  // done:
  '31c0', // xor eax,eax
  'c3', // ret
]

const ARM64 = [
  'e90300aa', // mov x9, x0
  // again:
  '220140b9', // ldr w2, [x9]
  '5f040031', // cmn w2, #0x1 ; END
  'e0010054', // b.eq done
  '02010036', // tbz w2, #0, wait
  '0a10a052', // mov w10, #0x800000
  // spin:
  'df3f03d5', // isb
  '230140b9', // ldr w3, [x9]
  '7f00026b', // cmp w3, w2
  '01ffff54', // b.ne again
  '4a050071', // subs w10, w10, #0x1
  '61ffff54', // b.ne spin
  // wait:
  'e00309aa', // mov x0, x9
  '011080d2', // mov x1, #0x80
  '030080d2', // mov x3, #0x0
  '480c80d2', // mov x8, #0x62
  '010000d4', // svc #0x0
  'f0ffff17', // b again
  // done:
  '000080d2', // mov x0, #0x0
  'c0035fd6', // ret
]

const CODE: Readonly<Partial<Record<string, readonly string[]>>> = { x64: X64, arm64: ARM64 }

/** What the word says to threads that shall end. */
export const END = -1

/** The code for a processor; undefined where there is none. @param arch as in process.arch */
export function idleThreadCode(arch: string): Uint8Array | undefined {
  const listing = CODE[arch]
  return listing && Uint8Array.from(Buffer.from(listing.join(''), 'hex'))
}
