import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { check, libc } from '../../src/sys/libc.js'

const CLONE_NEWNET = 0x40000000

/** Why devices cannot be made here, or undefined when they can. */
export function whyNoDevices(): string | undefined {
  if (process.getuid?.() !== 0) return 'making network devices needs root'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  try {
    execFileSync('ip', ['-V'])
  } catch {
    return 'the command "ip" (package iproute2) is missing'
  }
  return undefined
}

/**
 * Moves this test process into a network namespace of its own, without IPv6, so that no other traffic crosses
 * its devices and none is left behind. For files of the projects `process` and `slow` alone (vitest.config.ts).
 */
export function enterPrivateNetwork(): void {
  check(libc.unshare(CLONE_NEWNET), 'making a network namespace')
  for (const scope of ['default', 'all']) {
    const file = `/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`
    if (existsSync(file)) writeFileSync(file, '1')
  }
}

/** Runs `ip` with arguments given as one line. Returns its output. */
export function ip(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether a device of the current namespace exists. */
export function deviceExists(device: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${device}`)
}
