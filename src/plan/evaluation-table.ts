/** Evaluations as rows of figures. */
import type { Evaluation } from './evaluate.js'
import { bottleneckWords, withBounds } from './words.js'

export const FIGURE_HEAD: readonly string[] = [
  'VMs',
  'fit',
  'Mb/s, all',
  'p99 us',
  'hold us',
  'batch',
  'response p99 us',
  'VM %CPU',
  'switch %CPU',
  'used up',
]
/** Columns of FIGURE_HEAD that are numbers. */
export const FIGURE_COLUMNS: readonly number[] = [0, 2, 3, 4, 5, 6, 7, 8]

/** A row of FIGURE_HEAD. */
export function figureRow(one: Evaluation): string[] {
  return [
    one.vms.toString(),
    one.fits ? 'yes' : (one.shortage ?? ''),
    withBounds(one.mbps),
    withBounds(one.p99Us),
    withBounds(one.holdMeanUs),
    withBounds(one.batchFrames),
    withBounds(one.responseP99Us),
    withBounds(one.cpuOfVm, 100),
    withBounds(one.cpuOfSwitch, 100),
    one.bottleneck === 'load' ? '-' : bottleneckWords(one.bottleneck),
  ]
}
