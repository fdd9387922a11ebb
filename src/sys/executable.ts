import { check, libc } from './libc.js'
import { NativeBuffer, PAGE_BYTES } from './native-buffer.js'

const PROT_READ_EXEC = 5

/**
 * Copies machine code into a page of its own that can be executed and no longer written; it stays for good. Returns its
 * address.
 * @param what what the code is, for errors
 */
export function executable(code: Uint8Array, what: string): number {
  const bytes = Math.ceil(code.length / PAGE_BYTES) * PAGE_BYTES
  const page = new NativeBuffer(bytes)
  page.bytes.set(code)
  check(libc.mprotect(page.address, bytes, PROT_READ_EXEC), `making ${what} executable`)
  return page.address
}
