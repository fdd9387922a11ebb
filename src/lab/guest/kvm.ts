import { closeSync, openSync } from 'node:fs'
import { spawnChild } from './child.js'
import { killAll, sessionProcesses } from './processes.js'
import { type Tool, toolEnvironment } from './tools.js'

/** A kernel under hardware virtualization prints its first line within a fraction of this. */
const PROBE_MS = 6_000

/** Whether this user may open /dev/kvm. That alone does not say that guests run: see kvmWorks. */
export function kvmOpens(): boolean {
  try {
    closeSync(openSync('/dev/kvm', 'r+'))
    return true
  } catch {
    return false
  }
}

let probe: Promise<boolean> | undefined

/**
 * Whether a Linux kernel really starts under KVM: inside some virtual machines /dev/kvm opens, and guests
 * hang. Asked once per process; takes up to 6 s where it does not work.
 * @param image a kernel, e.g. /boot/vmlinuz-6.1.0
 */
export function kvmWorks(qemu: Tool, image: string): Promise<boolean> {
  probe ??= kvmOpens() ? startsKernel(qemu, image) : Promise.resolve(false)
  return probe
}

function startsKernel(qemu: Tool, image: string): Promise<boolean> {
  const args = [
    ...['-accel', 'kvm', '-machine', 'q35', '-cpu', 'max', '-m', '128', '-nodefaults', '-display', 'none'],
    ...['-serial', 'stdio', '-no-reboot', '-kernel', image],
    ...['-append', 'console=ttyS0 earlyprintk=serial panic=-1'],
  ]
  return new Promise((resolve) => {
    const child = spawnChild(qemu.path, args, {
      environment: toolEnvironment(qemu),
      stdio: ['ignore', 'pipe', 'ignore'],
      deathSignal: 'KILL',
    })
    let text = ''
    let works = false
    const end = () => killAll(sessionProcesses(child.pid ?? -1))
    const timer = setTimeout(end, PROBE_MS)
    child.stdout?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(-4096)
      if (!text.includes('Linux version')) return
      works = true
      end()
    })
    const done = () => {
      clearTimeout(timer)
      resolve(works)
    }
    child.once('exit', done)
    child.once('error', done)
  })
}
