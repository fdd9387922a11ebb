/** Signal handlers of machine code: installed for the whole process, for good. */
import { executable } from './executable.js'
import { check, libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

export const SIGBUS = 7
/** Ignored by default, so that it does no harm where no handler is installed. */
export const SIGURG = 23
const SA_SIGINFO = 4
/** A signal that comes while a thread is on its alternate stack stays there. */
const SA_ONSTACK = 0x08000000
/** struct sigaction of the C library: handler, mask of 128 bytes, flags, restorer. Source: bits/sigaction.h (glibc 2.36). */
const SIGACTION_BYTES = 152
const SIGACTION_FLAGS = 136
/** Of the kernel: handler, flags, restorer, mask. Source: asm-generic/signal.h. */
const KERNEL_SIGACTION_BYTES = 32
const KERNEL_MASK_BYTES = 8

const ARM64 = process.arch === 'arm64'
const SYS_RT_SIGACTION = ARM64 ? 134 : 13
const SYS_GETTID = ARM64 ? 178 : 186
const SYS_TGKILL = ARM64 ? 131 : 234

/** What a signal does now, as the kernel's struct sigaction in memory that stays: its address. */
export function currentAction(signal: number): number {
  const action = new NativeBuffer(KERNEL_SIGACTION_BYTES)
  check(
    libc.syscall(SYS_RT_SIGACTION, signal, 0, action.address, KERNEL_MASK_BYTES),
    `reading what signal ${signal} does`,
  )
  return action.address
}

/** Installs machine code as the handler of a signal. System calls that it interrupts are not restarted. */
export function installHandler(signal: number, code: Uint8Array): void {
  const action = new NativeBuffer(SIGACTION_BYTES)
  action.data.setBigUint64(0, BigInt(executable(code, 'a signal handler')), true)
  action.data.setInt32(SIGACTION_FLAGS, SA_SIGINFO | SA_ONSTACK, true)
  try {
    check(libc.sigaction(signal, action.address, 0), `installing a handler for signal ${signal}`)
  } finally {
    action.free()
  }
}

/** The kernel's number of the calling thread. */
export function threadId(): number {
  return libc.syscall(SYS_GETTID, 0, 0, 0, 0)
}

/** Sends a signal to one thread of this process. */
export function signalThread(thread: number, signal: number): void {
  libc.syscall(SYS_TGKILL, process.pid, thread, signal, 0)
}
