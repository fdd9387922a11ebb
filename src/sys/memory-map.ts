import { fstatSync } from 'node:fs'
import { check, errno, libc, syscallError } from './libc.js'
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  NativeBuffer,
  PAGE_BYTES,
  PROT_READ_WRITE,
} from './native-buffer.js'

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const F_ADD_SEALS = 1033
/** F_SEAL_SEAL, SHRINK and GROW: the size stays as it is, for every holder. */
const SEAL_SIZE = 7
const HUGETLBFS_MAGIC = 0x958458f6

/** An anonymous memory file of a size, closed on exec. */
export function createMemfd(name: string, sizeBytes: number): number {
  const fd = check(libc.memfd_create(name, MFD_CLOEXEC), `creating memory file ${name}`)
  check(libc.ftruncate(fd, sizeBytes), `sizing memory file ${name} to ${sizeBytes} bytes`)
  return fd
}

/** The same, of a size that nobody can change any more. */
export function createSealedMemfd(name: string, sizeBytes: number): number {
  const fd = check(libc.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), `creating memory file ${name}`)
  check(libc.ftruncate(fd, sizeBytes), `sizing memory file ${name} to ${sizeBytes} bytes`)
  check(libc.fcntl(fd, F_ADD_SEALS, SEAL_SIZE), `sealing memory file ${name}`)
  return fd
}

/**
 * Maps a part of a file over an address range that the caller owns. Throws when the kernel refuses; the range holds
 * zero pages then, because some refusals come after the old mapping is gone.
 */
export function mapShared(address: number, sizeBytes: number, fd: number, fileOffset: number): void {
  const mapped = libc.mmap(address, sizeBytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd, fileOffset)
  if (mapped >= 0) return
  const error = errno()
  mapZero(address, sizeBytes)
  throw syscallError(error, `mapping ${sizeBytes} bytes of a shared memory file`)
}

/** Replaces an address range by fresh zero pages. */
export function mapZero(address: number, sizeBytes: number): void {
  check(
    libc.mmap(
      address,
      sizeBytes,
      PROT_READ_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
      -1,
      0,
    ),
    `unmapping ${sizeBytes} bytes`,
  )
}

/** Size of an open file in bytes. */
export function fileSize(fd: number): number {
  return fstatSync(fd).size
}

/** For statfs and small writes. One for all calls: a loop that never yields frees no buffer's JavaScript side. */
let scratch: NativeBuffer | undefined
function scratchBuffer(): NativeBuffer {
  scratch ??= new NativeBuffer(PAGE_BYTES)
  return scratch
}

/** The smallest unit in which a file can be mapped: its huge page size on hugetlbfs, else 4096. */
export function mapUnitBytes(fd: number): number {
  const buffer = scratchBuffer()
  check(libc.fstatfs(fd, buffer.address), 'reading the file system of guest memory')
  const magic = buffer.data.getUint32(0, true)
  return magic === HUGETLBFS_MAGIC ? Number(buffer.data.getBigInt64(8, true)) : PAGE_BYTES
}

/** Writes a u32 into a file that has room for it. */
export function writeU32(fd: number, value: number, fileOffset: number): void {
  const buffer = scratchBuffer()
  buffer.data.setUint32(0, value, true)
  check(libc.pwrite(fd, buffer.address, 4, fileOffset), 'writing to a memory file')
}
