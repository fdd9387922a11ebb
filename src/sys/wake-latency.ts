import { closeSync, openSync, writeSync } from 'node:fs'

const DEVICE = '/dev/cpu_dma_latency'

/**
 * Asks the kernel that no processor of the machine goes into an idle state that it takes time to leave, as long as this is
 * held; also when the process is killed it ends then. Returns how to let go, or undefined where the process may not, or the
 * kernel has no such thing. Source: Documentation/power/pm_qos_interface.rst.
 */
export function holdWakeLatency(): (() => void) | undefined {
  let fd: number
  try {
    fd = openSync(DEVICE, 'w')
  } catch {
    return undefined
  }
  try {
    writeSync(fd, new Int32Array([0]))
  } catch {
    closeSync(fd)
    return undefined
  }
  return () => closeSync(fd)
}
