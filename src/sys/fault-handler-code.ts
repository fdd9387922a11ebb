/**
 * The signal handler of fault-guard.ts as machine code: JavaScript cannot run in one. It is a function
 * (signal, siginfo, context) that touches no stack but a word, no register that a caller keeps, and no library.
 *
 *   look up si_addr in the table of guarded memories; none: the handler before us, or the default action
 *   mark the page, map zero pages over it (4 KB, or 2 MB where a whole granule belongs to one guest), count, return
 *
 * An entry of the table: u64 address, size, marks by page, marks by granule, counter. Address 0 ends the table.
 * The last 16 bytes of the code are two addresses that the installer fills in: the table, and the handler before us
 * (struct sigaction of the kernel, whose first word is the handler).
 * Source: si_addr at offset 16 (uapi/asm-generic/siginfo.h); system calls 9 mmap and 13 rt_sigaction (x86-64),
 * 222 and 134 (arm64); flags 0x4032 are MAP_PRIVATE, FIXED, ANONYMOUS, NORESERVE.
 */

/** Instructions in order: bytes in hexadecimal, beside them what they say to an assembler. */
type Listing = readonly string[]

const X64: Listing = [
  // start:
  '4c8b4610', // mov r8,QWORD [rsi+0x10]
  '4c8b0dad000000', // mov r9,QWORD [rip+0xad] ; table
  // next:
  '498b09', // mov rcx,QWORD [r9]
  '4885c9', // test rcx,rcx
  '7474', // je chain
  '4c89c0', // mov rax,r8
  '4829c8', // sub rax,rcx
  '493b4108', // cmp rax,QWORD [r9+0x8]
  '7206', // jb found
  '4983c128', // add r9,0x28
  'ebe6', // jmp next
  // found:
  '4889c1', // mov rcx,rax
  '48c1e90c', // shr rcx,0xc
  '498b5110', // mov rdx,QWORD [r9+0x10]
  'c6040a01', // mov BYTE [rdx+rcx*1],0x1
  '48c1e909', // shr rcx,0x9
  '498b5118', // mov rdx,QWORD [r9+0x18]
  'be00100000', // mov esi,0x1000
  '803c0a00', // cmp BYTE [rdx+rcx*1],0x0
  '7405', // je map
  'be00002000', // mov esi,0x200000
  // map:
  '4889f7', // mov rdi,rsi
  '48f7df', // neg rdi
  '4821c7', // and rdi,rax
  '490339', // add rdi,QWORD [r9]
  '4d8b5920', // mov r11,QWORD [r9+0x20]
  '4153', // push r11
  'ba03000000', // mov edx,0x3
  '41ba32400000', // mov r10d,0x4032
  '49c7c0ffffffff', // mov r8,0xffffffffffffffff
  '4531c9', // xor r9d,r9d
  'b809000000', // mov eax,0x9
  '0f05', // syscall
  '5a', // pop rdx
  '483d00f0ffff', // cmp rax,0xfffffffffffff000
  '7716', // ja default
  'f0ff02', // lock inc DWORD [rdx]
  'c3', // ret
  // chain:
  '488b0532000000', // mov rax,QWORD [rip+0x32] ; old
  '488b00', // mov rax,QWORD [rax]
  '4883f801', // cmp rax,0x1
  '7602', // jbe default
  'ffe0', // jmp rax
  // default:
  'bf07000000', // mov edi,0x7
  '488b351b000000', // mov rsi,QWORD [rip+0x1b] ; old
  '31d2', // xor edx,edx
  '41ba08000000', // mov r10d,0x8
  'b80d000000', // mov eax,0xd
  '0f05', // syscall
  'c3', // ret
  '0f1f00', // nop DWORD [rax]
]

const ARM64: Listing = [
  // start:
  '230840f9', // ldr x3, [x1, #16]
  '24060058', // ldr x4, table
  // next:
  '850040f9', // ldr x5, [x4]
  '450400b4', // cbz x5, chain
  '660005cb', // sub x6, x3, x5
  '870440f9', // ldr x7, [x4, #8]
  'df0007eb', // cmp x6, x7
  '63000054', // b.cc found
  '84a00091', // add x4, x4, #0x28
  'f9ffff17', // b next
  // found:
  'c7fc4cd3', // lsr x7, x6, #12
  '880840f9', // ldr x8, [x4, #16]
  '29008052', // mov w9, #0x1
  '09692738', // strb w9, [x8, x7]
  'c7fc55d3', // lsr x7, x6, #21
  '880c40f9', // ldr x8, [x4, #24]
  '09696738', // ldrb w9, [x8, x7]
  '010082d2', // mov x1, #0x1000
  '49000034', // cbz w9, map
  '0104a0d2', // mov x1, #0x200000
  // map:
  'e90301cb', // neg x9, x1
  'c000098a', // and x0, x6, x9
  '0000058b', // add x0, x0, x5
  '891040f9', // ldr x9, [x4, #32]
  '620080d2', // mov x2, #0x3
  '430688d2', // mov x3, #0x4032
  '04008092', // mov x4, #0xffffffffffffffff
  '050080d2', // mov x5, #0x0
  'c81b80d2', // mov x8, #0xde
  '010000d4', // svc #0x0
  '1ffc3fb1', // cmn x0, #0xfff
  '62010054', // b.cs default
  // retry:
  '26fd5f88', // ldaxr w6, [x9]
  'c6040011', // add w6, w6, #0x1
  '26fd0788', // stlxr w7, w6, [x9]
  'a7ffff35', // cbnz w7, retry
  'c0035fd6', // ret
  // chain:
  'e9010058', // ldr x9, old
  '290140f9', // ldr x9, [x9]
  '3f0500f1', // cmp x9, #0x1
  '49000054', // b.ls default
  '20011fd6', // br x9
  // default:
  'e00080d2', // mov x0, #0x7
  '21010058', // ldr x1, old
  '020080d2', // mov x2, #0x0
  '030180d2', // mov x3, #0x8
  'c81080d2', // mov x8, #0x86
  '010000d4', // svc #0x0
  'c0035fd6', // ret
  '1f2003d5', // nop
]

/** Bytes of one entry of the table. */
export const TABLE_ENTRY_BYTES = 40

const CODE: Readonly<Partial<Record<string, Listing>>> = { x64: X64, arm64: ARM64 }

/**
 * The handler for a processor, ready to be copied into an executable page; undefined where there is none.
 * @param arch as in process.arch
 * @param table address of the table; @param before address of the kernel's struct sigaction of the handler before us
 */
export function faultHandlerCode(arch: string, table: number, before: number): Uint8Array | undefined {
  const listing = CODE[arch]
  if (!listing) return undefined
  const code = Buffer.from(listing.join(''), 'hex')
  const bytes = new Uint8Array(code.length + 16)
  bytes.set(code)
  const words = new DataView(bytes.buffer)
  words.setBigUint64(code.length, BigInt(table), true)
  words.setBigUint64(code.length + 8, BigInt(before), true)
  return bytes
}

/** A handler that does nothing but return, for signals that shall only interrupt a system call. */
export function returnCode(arch: string): Uint8Array | undefined {
  const code = { x64: 'c3', arm64: 'c0035fd6' }[arch]
  return code === undefined ? undefined : Uint8Array.from(Buffer.from(code, 'hex'))
}
