import { Switch } from '../../engine/switch.js'
import { RingferryError } from '../../errors/errors.js'
import { PUBLISH_MODES } from '../../port/config.js'
import { cleanUp } from '../guest/guest.js'
import { runEmbedded } from './embedded.js'
import { runKernels } from './kernels.js'
import type { DemoContext } from './measure.js'
import type { DemoKind, DemoRun } from './result.js'

export interface DemoOptions {
  readonly kind: DemoKind
  /** Takes lines that say what happens. */
  readonly progress: (text: string) => void
  /** Ends the demo early: rejects with INTERRUPTED when all is cleaned up. */
  readonly signal: AbortSignal
}

async function runModes(running: Switch, options: DemoOptions): Promise<DemoRun[]> {
  const { kind, signal } = options
  const runs: DemoRun[] = []
  for (const mode of PUBLISH_MODES) {
    signal.throwIfAborted()
    const context: DemoContext = { ...options, mode }
    const more =
      kind === 'embedded' ? runEmbedded(running, context) : runKernels(running, { ...context, kind })
    runs.push(...(await more))
  }
  return runs
}

/**
 * Two guests on one switch, for each publication mode: throughput both ways, round trip time, and what the
 * measured guest's port counted. Takes about 15 s with embedded guests and 40 s with User-Mode Linux.
 * However it ends, guests, ports and switch are gone then.
 */
export async function runDemo(options: DemoOptions): Promise<DemoRun[]> {
  const { signal } = options
  const running = await Switch.start()
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void =>
      reject(new RingferryError('INTERRUPTED', 'interrupted; everything was cleaned up'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  aborted.catch(() => {})
  const work = runModes(running, options)
  try {
    return await Promise.race([work, aborted, running.failed])
  } finally {
    await cleanUp()
    await work.catch(() => {})
    await running.stop()
  }
}
