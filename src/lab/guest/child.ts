/**
 * Processes that must not outlive this one. Four nets: the kernel signals the child when its parent dies
 * (setpriv --pdeathsig), an exit hook kills what still runs and removes work folders, guests power off when
 * their agent's channel closes, and a shell per work folder does the rest when this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findInstalled } from './tools.js'

export interface ChildOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** As for child_process.spawn. */
  readonly stdio: ('ignore' | 'pipe' | number)[]
  /**
   * What the kernel sends when the parent dies. User-Mode Linux ends its helpers on TERM only. Not given: the
   * program ends by itself when its standard input does.
   */
  readonly deathSignal?: 'TERM' | 'KILL'
}

/**
 * Starts a program as leader of its own session (its process id is the session's), so that a terminal's
 * Ctrl-C does not reach it before its owner has stopped it in order.
 */
export function spawnChild(program: string, args: readonly string[], options: ChildOptions): ChildProcess {
  const setpriv = findInstalled('setpriv')
  const [file, list] =
    setpriv && options.deathSignal
      ? [setpriv, ['--pdeathsig', options.deathSignal, program, ...args]]
      : [program, [...args]]
  return spawn(file, list, {
    detached: true,
    stdio: options.stdio,
    env: options.environment ?? process.env,
  })
}

/** Work folders, each with the shell that watches it. */
const folders = new Map<string, ChildProcess>()
const killers = new Set<() => void>()
let hooked = false

function hook(): void {
  if (hooked) return
  hooked = true
  process.on('exit', () => {
    for (const kill of killers) kill()
    for (const folder of folders.keys()) rmSync(folder, { recursive: true, force: true })
  })
}

/** A private folder below the system's temporary one; removed by removeWorkFolder or when the process exits. */
export function makeWorkFolder(name: string): string {
  hook()
  const folder = mkdtempSync(join(tmpdir(), `ringferry-${name}-`))
  folders.set(folder, watchFolder(folder))
  return folder
}

/**
 * What is left to do when this process is killed: end the guest's session (field 6 of /proc/PID/stat) after a
 * moment for an orderly end, and remove its folder. Standard input ends with this process and names the
 * session; an empty line means that it has ended.
 */
const WATCHER = `
session=
while read -r word; do session=$word; done
if [ -n "$session" ]; then
  sleep 1
  for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    set -- "$1" \${line##*) }
    [ "$5" != "$session" ] || kill -s KILL "\${line%% *}"
  done
fi
rm -rf -- "$1"
`

function watchFolder(folder: string): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', WATCHER, 'sh', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.on('error', () => {})
  watcher.stdin.on('error', () => {})
  watcher.unref()
  if (watcher.stdin instanceof Socket) watcher.stdin.unref()
  return watcher
}

/** Names the session that must not outlive this process. */
export function watchSession(folder: string, session: number): void {
  folders.get(folder)?.stdin?.write(`${session}\n`)
}

export function removeWorkFolder(folder: string): void {
  folders.get(folder)?.stdin?.end('\n')
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

/** Registers what is done at once (synchronously) when the process exits. Returns how to take it back. */
export function onExit(kill: () => void): () => void {
  hook()
  killers.add(kill)
  return () => killers.delete(kill)
}

/** Waits for a promise, at most for a time. Returns whether it settled. */
export async function settles(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  const first = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return first
}
