/**
 * Makes the clock of a test's process jump ahead now and then, as a process sees it that was not given a processor:
 * tests that take time for progress fail here rather than on a busy machine. Loaded by `npm run unit:interrupted`.
 */

/** Of readings after which the clock has jumped. */
const SHARE = 0.003
/** Longest jump: some slices of a scheduler. */
const LONGEST_MS = 25

/** Files of tests that share a process load this each. */
if (performance.now.name !== 'jumping') {
  const now = performance.now.bind(performance)
  let aheadMs = 0
  performance.now = function jumping() {
    if (Math.random() < SHARE) aheadMs += Math.random() * LONGEST_MS
    return now() + aheadMs
  }
}
