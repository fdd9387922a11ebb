/**
 * The C library, by koffi. The only file that loads it. Addresses and sizes travel as JavaScript numbers
 * (user addresses on x86-64 and arm64 are below 2^48, so they are exact); structures are laid out in
 * NativeBuffer memory and passed by address, so that a call costs no marshalling.
 */
import { constants } from 'node:os'
import koffi from 'koffi'
import { type ErrorCode, RingferryError } from '../errors/errors.js'

const lib = koffi.load('libc.so.6')

export const libc = {
  read: lib.func('intptr_t read(int fd, uintptr_t buf, size_t count)'),
  write: lib.func('intptr_t write(int fd, uintptr_t buf, size_t count)'),
  pwrite: lib.func('intptr_t pwrite(int fd, uintptr_t buf, size_t count, long offset)'),
  writev: lib.func('intptr_t writev(int fd, uintptr_t iov, int count)'),
  open: lib.func('int open(const char *path, int flags, int mode)'),
  close: lib.func('int close(int fd)'),
  dup: lib.func('int dup(int fd)'),
  fcntl: lib.func('int fcntl(int fd, int cmd, long arg)'),
  ioctl: lib.func('int ioctl(int fd, ulong request, uintptr_t arg)'),
  mmap: lib.func('intptr_t mmap(uintptr_t addr, size_t length, int prot, int flags, int fd, long offset)'),
  mprotect: lib.func('int mprotect(uintptr_t addr, size_t length, int prot)'),
  munmap: lib.func('int munmap(uintptr_t addr, size_t length)'),
  memfd_create: lib.func('int memfd_create(const char *name, uint flags)'),
  ftruncate: lib.func('int ftruncate(int fd, long length)'),
  statx: lib.func('int statx(int dirfd, const char *path, int flags, uint mask, uintptr_t buf)'),
  fchmod: lib.func('int fchmod(int fd, uint mode)'),
  fstatfs: lib.func('int fstatfs(int fd, uintptr_t buf)'),
  eventfd: lib.func('int eventfd(uint initval, int flags)'),
  pipe2: lib.func('int pipe2(uintptr_t fds, int flags)'),
  epoll_create1: lib.func('int epoll_create1(int flags)'),
  epoll_ctl: lib.func('int epoll_ctl(int epfd, int op, int fd, uintptr_t event)'),
  epoll_wait: lib.func('int epoll_wait(int epfd, uintptr_t events, int max, int timeoutMs)'),
  epoll_pwait2: lib.func(
    'int epoll_pwait2(int epfd, uintptr_t events, int max, uintptr_t timespec, uintptr_t sigmask)',
  ),
  poll: lib.func('int poll(uintptr_t fds, ulong count, int timeoutMs)'),
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  socketpair: lib.func('int socketpair(int domain, int type, int protocol, uintptr_t fds)'),
  bind: lib.func('int bind(int fd, uintptr_t addr, uint len)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  accept4: lib.func('int accept4(int fd, uintptr_t addr, uintptr_t len, int flags)'),
  connect: lib.func('int connect(int fd, uintptr_t addr, uint len)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, uintptr_t value, uint len)'),
  getsockopt: lib.func('int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t len)'),
  sendmsg: lib.func('intptr_t sendmsg(int fd, uintptr_t msg, int flags)'),
  recvmsg: lib.func('intptr_t recvmsg(int fd, uintptr_t msg, int flags)'),
  sendmmsg: lib.func('int sendmmsg(int fd, uintptr_t msgvec, uint count, int flags)'),
  recvmmsg: lib.func('int recvmmsg(int fd, uintptr_t msgvec, uint count, int flags, uintptr_t timeout)'),
  if_nametoindex: lib.func('uint if_nametoindex(const char *name)'),
  sched_setaffinity: lib.func('int sched_setaffinity(int pid, size_t size, uintptr_t mask)'),
  sched_getaffinity: lib.func('int sched_getaffinity(int pid, size_t size, uintptr_t mask)'),
  prctl: lib.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)'),
  clock_gettime: lib.func('int clock_gettime(int clock, uintptr_t timespec)'),
  sched_yield: lib.func('int sched_yield()'),
  getpwnam: lib.func('uintptr_t getpwnam(const char *name)'),
  getgrnam: lib.func('uintptr_t getgrnam(const char *name)'),
  unshare: lib.func('int unshare(int flags)'),
  _exit: lib.func('void _exit(int code)'),
  sigaction: lib.func('int sigaction(int signal, uintptr_t action, uintptr_t old)'),
  io_uring_enter: lib.func('syscall', 'long', ['long', 'int', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t']),
  /** For calls that glibc before 2.30 has no function for. */
  syscall: lib.func('long syscall(long number, long a, uintptr_t b, uintptr_t c, long d)'),
} as const

export const {
  EAGAIN,
  ECANCELED,
  EINTR,
  ENOENT,
  EBUSY,
  EPERM,
  EACCES,
  ECONNABORTED,
  ECONNREFUSED,
  EADDRINUSE,
  EINPROGRESS,
  ENOBUFS,
} = constants.errno

const NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]))

/** errno of the last call of this thread. */
export function errno(): number {
  return koffi.errno()
}

/** The symbolic name of an errno, for example "ENOENT". */
export function errnoName(value: number): string {
  return NAMES.get(value) ?? `errno ${value}`
}

const CODE_OF_ERRNO = new Map<number, ErrorCode>([
  [EPERM, 'PERMISSION'],
  [EACCES, 'PERMISSION'],
  [ENOENT, 'NOT_FOUND'],
  [EBUSY, 'BUSY'],
  [EADDRINUSE, 'BUSY'],
])

/**
 * The result of a system call, or a RingferryError that names what was tried.
 * @param what what the call was for, e.g. "opening /dev/net/tun"
 */
export function check(result: number, what: string): number {
  if (result >= 0) return result
  throw syscallError(errno(), what)
}

/** The RingferryError of a system call that failed. @param value its errno; @param what what the call was for */
export function syscallError(value: number, what: string): RingferryError {
  return new RingferryError(CODE_OF_ERRNO.get(value) ?? 'SYSCALL', `${what}: ${errnoName(value)}`)
}

/** The address of an ArrayBuffer or view, for example of a WebAssembly memory. */
export function addressOf(memory: ArrayBufferView): number {
  return Number(koffi.address(memory))
}

/** Native memory as an ArrayBuffer (shared with whoever maps the same pages). Valid until it is unmapped. */
export function viewOf(address: number, sizeBytes: number): ArrayBuffer {
  return koffi.view(BigInt(address), sizeBytes) as ArrayBuffer
}
