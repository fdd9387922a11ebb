import { fileURLToPath } from 'node:url'
import { quote } from '../../daemon/shell-word.js'
import { RingferryError } from '../../errors/errors.js'
import type { BackgroundCommand } from '../guest/spec.js'
import type { XenMachine } from './machine.js'

/** The package or checkout that this is part of: the driver domain sees the host's files at the same place. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CONFIG = '/run/ringferry.yaml'
const SOCKET = '/run/ringferry.sock'
const LOG = '/mnt/results/ringferry.log'
/** Node reads some hundred files by 9p, and runs emulated. */
const START_MS = 240_000

/** Processor time of threads so far in nanoseconds, by their ids, at an uptime of the driver domain. */
export interface ThreadTimes {
  readonly atS: number
  readonly usedNs: ReadonlyMap<number, number>
}

/** The command that prints the uptime, then a line for each thread of a process: id, nanoseconds. @param pid as a shell's word */
export function threadTimesCommand(pid: string): string {
  return `read -r at rest </proc/uptime && echo "$at"
for folder in /proc/${pid}/task/*; do
  read -r used rest <$folder/schedstat && echo "\${folder##*/} $used"
done 2>/dev/null; true`
}

export function parseThreadTimes(text: string): ThreadTimes {
  const [at = '', ...lines] = text.trim().split('\n')
  return {
    atS: Number(at),
    usedNs: new Map(lines.map((line) => line.split(' ').map(Number) as [number, number])),
  }
}

/** Ringferry in the driver domain, run from where this is. */
export class XenRingferry {
  readonly #machine: XenMachine

  /** @param config the text of its configuration */
  static async make(machine: XenMachine, config: string): Promise<XenRingferry> {
    await machine.must(
      `install -D -m 755 ${quote(`${ROOT}packaging/xen/vif-ringferry`)} /etc/xen/scripts/vif-ringferry
       cat >${CONFIG} <<'END'
${config}END
`,
    )
    return new XenRingferry(machine)
  }

  private constructor(machine: XenMachine) {
    this.#machine = machine
  }

  /** Starts it, until it is ready. Throws with the end of its log. */
  async start(): Promise<void> {
    const { stdout } = await this.#machine.agent.run(
      `cd ${quote(ROOT)}
       NODE=${quote(process.execPath)} setsid sh -c '"$NODE" dist/cli/main.js up --config ${CONFIG} --control ${SOCKET} --log-format json & echo $! >/run/ringferry.pid; wait $!; echo "ringferry ended: $?"' >>${LOG} 2>&1 </dev/null &
       while kill -0 $! 2>/dev/null; do
         [ -S ${SOCKET} ] && curl -sf --unix-socket ${SOCKET} http://x/v1/status >/dev/null && echo up && exit
         sleep 0.5
       done
       tail -n 5 ${LOG}`,
      { timeoutMs: START_MS },
    )
    if (stdout.trim() !== 'up')
      throw new RingferryError('GUEST', `Ringferry did not start in the driver domain: ${stdout.trim()}`)
  }

  /** Ends when Ringferry does, by itself or not. It takes next to no processor. */
  watch(): BackgroundCommand {
    return this.#machine.agent.start('tail --pid=$(cat /run/ringferry.pid) -f /dev/null')
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#machine.must(`kill -KILL $(cat /run/ringferry.pid); rm -f ${SOCKET}`)
  }

  async #get<Answer>(path: string): Promise<Answer> {
    return JSON.parse(await this.#machine.must(`curl -sf --unix-socket ${SOCKET} http://x${path}`)) as Answer
  }

  /** A port's counters; `drops` by reason. */
  async counters(name: string): Promise<Record<string, number> & { drops: Record<string, number> }> {
    const { ports } = await this.#get<{
      ports: { name: string; counters: Record<string, number>; drops: Record<string, number> }[]
    }>('/v1/stats')
    const port = ports.find((each) => each.name === name)
    if (!port) throw new RingferryError('GUEST', `there is no port ${name}`)
    return Object.assign({ ...port.counters }, { drops: port.drops }) as Record<string, number> & {
      drops: Record<string, number>
    }
  }

  /** Changes policy, budget or targets: the body of PATCH /v1/tuning. */
  async tune(change: Readonly<Record<string, unknown>>): Promise<void> {
    const body = JSON.stringify(change)
    await this.#machine.must(
      `curl -sf --unix-socket ${SOCKET} -X PATCH -H 'content-type: application/json' -d '${body}' http://x/v1/tuning`,
    )
  }

  /** Waits until the policy in force has decided: one that measures starts a thread, which takes seconds where it is emulated. */
  async untilDecided(): Promise<void> {
    const limit = Date.now() + START_MS
    while (Date.now() < limit) {
      const { vifs } = await this.#get<{ vifs: { decision: unknown }[] }>('/v1/tuning')
      if (vifs.every(({ decision }) => decision !== null)) return
    }
    throw new RingferryError('GUEST', `no decision within ${START_MS / 1000} s`)
  }

  async threadTimes(): Promise<ThreadTimes> {
    return parseThreadTimes(await this.#machine.must(threadTimesCommand('$(cat /run/ringferry.pid)')))
  }

  async state(name: string): Promise<string> {
    const { ports } = await this.#get<{ ports: { name: string; state: string }[] }>('/v1/ports')
    return ports.find((each) => each.name === name)?.state ?? 'missing'
  }

  /** Waits until a port is in a state. Throws when it does not come to that. */
  async until(name: string, state: string): Promise<void> {
    const limit = Date.now() + 60_000
    for (let seen = ''; Date.now() < limit; ) {
      seen = await this.state(name)
      if (seen === state) return
    }
    throw new RingferryError('GUEST', `port ${name} is ${await this.state(name)} and not ${state}`)
  }
}
