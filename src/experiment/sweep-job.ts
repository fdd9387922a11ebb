/** One point of a sweep, run: wherever that happens. */

import { checkModelData } from './model-file.js'
import { placeOfData } from './model-place.js'
import { replicate } from './replicate.js'
import { type Summary, summarise } from './summary.js'
import type { SweepPoint } from './sweep-points.js'

/** What became of a point: a line of the sweep's file. */
export type SweepLine = Pick<SweepPoint, 'id' | 'factors'> &
  (
    | { readonly summary: Summary; readonly error?: undefined }
    | { readonly error: string; readonly summary?: undefined }
  )

/** Runs a point. A model that cannot be, or does not settle, is a result, too. */
export async function runPoint(
  { id, factors, data }: SweepPoint,
  seed: number,
  plane: WebAssembly.Module,
): Promise<SweepLine> {
  try {
    const { model, file } = await checkModelData(data, placeOfData)
    const warmUp = file.warmUpMs === 'auto' ? 'auto' : 'given'
    return {
      id,
      factors,
      summary: summarise(replicate(model, { rules: file.replications, seed, plane, warmUp }), seed),
    }
  } catch (error) {
    return { id, factors, error: (error as Error).message }
  }
}
