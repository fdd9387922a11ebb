import { readdirSync, readFileSync } from 'node:fs'

/** An idle thread of this process as /proc shows it. */
export interface SeenIdleThread {
  readonly state: string
  readonly policy: number
  readonly cpus: string
  /** Bits of the signals that it blocks. */
  readonly blocked: bigint
}

/** The idle threads of this process. */
export function seenIdleThreads(): SeenIdleThread[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      const read = (file: string): string => readFileSync(`/proc/self/task/${thread}/${file}`, 'utf8')
      if (read('comm').trim() !== 'rf-awake') return []
      const fields = read('stat').split(') ')[1]?.split(' ') ?? []
      const status = read('status')
      const said = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
      return [
        {
          state: fields[0] ?? '',
          policy: Number(fields[38]),
          cpus: said('Cpus_allowed_list'),
          blocked: BigInt(`0x${said('SigBlk')}`),
        },
      ]
    } catch {
      // It ended meanwhile.
      return []
    }
  })
}

/** Whether they all wait in the kernel. */
export function allParked(): boolean {
  return seenIdleThreads().every(({ state }) => state === 'S')
}
