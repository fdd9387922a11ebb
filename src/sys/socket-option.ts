import { libc } from './libc.js'
import { NativeBuffer } from './native-buffer.js'

const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33

let scratch: NativeBuffer | undefined
function memory(): NativeBuffer {
  scratch ??= new NativeBuffer(8)
  return scratch
}

/** Sets an option that is an int. Returns whether the kernel took it. */
export function setSocketOption(fd: number, level: number, name: number, value: number): boolean {
  memory().data.setInt32(0, value, true)
  return libc.setsockopt(fd, level, name, memory().address, 4) === 0
}

/** An option that is an int, or undefined when the socket has none such, or is no socket. */
export function socketOption(fd: number, level: number, name: number): number | undefined {
  const { data, address } = memory()
  data.setUint32(4, 4, true)
  return libc.getsockopt(fd, level, name, address, address + 4) < 0 ? undefined : data.getInt32(0, true)
}

/** Makes a socket's buffers as large as asked; without CAP_NET_ADMIN as large as the kernel lets everybody have them. */
export function growBuffers(fd: number, sizeBytes: number): void {
  if (!setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, sizeBytes))
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, sizeBytes)
  if (!setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, sizeBytes))
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, sizeBytes)
}
