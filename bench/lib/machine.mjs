import { cpus, release, totalmem } from 'node:os'

/** What a bench prints above its figures. */
export function describe() {
  const cores = cpus()
  return {
    date: new Date().toISOString(),
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  }
}
