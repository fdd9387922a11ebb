/**
 * Network rights for an ordinary user: the same command again, in a user and a network namespace of its own. There the
 * user may make TAPs, bridges and namespaces; nobody outside sees them, and all of it goes with the process.
 * Source: user_namespaces(7), network_namespaces(7).
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { CONTROL_VARIABLE, defaultControlPath } from '../daemon/control-path.js'
import { findInstalled } from '../lab/guest/tools.js'
import { CAP_NET_ADMIN, hasCapability } from '../sys/capability.js'
import { endWithParent } from '../sys/process-end.js'

/** Set inside: names the process that waits outside. */
const OUTSIDE = 'RINGFERRY_OUTSIDE_PID'
const NAMESPACE = ['--user', '--map-root-user', '--net']
const TRIAL_MS = 5_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Whether this process lives in a namespace that it made for itself. */
export function isInOwnNamespace(): boolean {
  return process.env[OUTSIDE] !== undefined
}

/** How a shell of the same user gets to the devices of this process. */
export function howToEnter(pid: number = process.pid): string {
  return `nsenter --target ${pid} --user --net --preserve-credentials`
}

/** Whether network rights are missing and a namespace of its own would give them. */
export function needsOwnNamespace(): boolean {
  if (isInOwnNamespace() || hasCapability(readFileSync('/proc/self/status', 'utf8'), CAP_NET_ADMIN))
    return false
  const unshare = findInstalled('unshare')
  return (
    unshare !== undefined && spawnSync(unshare, [...NAMESPACE, 'true'], { timeout: TRIAL_MS }).status === 0
  )
}

/** Runs this command line once more in a namespace of its own. Returns its exit code. */
export function runInOwnNamespace(): Promise<number> {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn(findInstalled('unshare') ?? 'unshare', [...NAMESPACE, '--', ...again], {
    stdio: 'inherit',
    // Inside, the user looks like root: the socket is where the user's commands will look for it.
    env: {
      ...process.env,
      [OUTSIDE]: `${process.pid}`,
      [CONTROL_VARIABLE]: defaultControlPath(),
      // The service manager's watchdog waits for this process; inside is who can answer.
      WATCHDOG_PID: undefined,
      // What the manager keeps is handed to this process, and would stay here.
      FDSTORE: '0',
    },
  })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

/** To be called first inside: ends with the process outside, which may be killed. */
export function followOutside(): void {
  const outside = process.env[OUTSIDE]
  if (outside !== undefined) endWithParent(Number(outside))
}
