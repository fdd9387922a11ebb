/** Time as the runner sees it: an argument, so that tests have their own. */
import { setTimeout as delay } from 'node:timers/promises'

export interface LabClock {
  /** Seconds since some moment, never backwards. */
  nowS(): number
  /** Rejects when the signal is aborted before. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>
  /** Now as ISO 8601. */
  date(): string
}

export const systemClock: LabClock = {
  nowS: () => performance.now() / 1000,
  sleep: async (seconds, signal) => {
    await delay(seconds * 1000, undefined, signal ? { signal } : {})
  },
  date: () => new Date().toISOString(),
}
