import { RingferryError } from '../../errors/errors.js'
import type { GuestKind, StudyKind } from '../guest/spec.js'

/** What the choice needs to know of the machine, and how it can be changed. */
export interface ChoiceTools {
  /** Whether a program is installed or was fetched. */
  has(program: string): boolean
  /** The best kind of guest that the machine can run now; undefined: none with a kernel. */
  best(): Promise<GuestKind | undefined>
  /** Downloads User-Mode Linux and iperf3 into the user's cache. Throws a RingferryError that says why it cannot. */
  fetch(): Promise<void>
}

const FETCHED = ['linux.uml', 'iperf3'] as const

/**
 * The kind of guests for a study. Without a wish the best there is: real kernels are fetched when they are
 * not there, and when that cannot be done, one line says why and what to do.
 * @param wanted the user's wish; when it cannot be met that is an error
 */
export async function chooseKind(
  wanted: StudyKind | undefined,
  tools: ChoiceTools,
  progress: (text: string) => void,
): Promise<StudyKind> {
  if (wanted !== undefined && wanted !== 'uml') return wanted
  const missing = FETCHED.filter((program) => !tools.has(program))
  if (missing.length > 0) {
    progress(`${missing.join(' and ')} not found; fetching from Debian's archive (ringferry guest fetch)`)
    try {
      await tools.fetch()
    } catch (error) {
      if (wanted !== undefined || !(error instanceof RingferryError) || error.code === 'INTERRUPTED')
        throw error
      const instead = (await tools.best()) ?? 'embedded'
      progress(`no User-Mode Linux: ${error.message}; using ${instead} guests`)
      return instead
    }
  }
  return wanted ?? (await tools.best()) ?? 'embedded'
}
