/** What somebody may have meant: "sho" for "show". */

/** Edits beyond which a word is another word, as a part of the longer one's length. */
const MAX_EDITED_PART = 0.4

/**
 * Edits from one word to another: letters put in, taken out, replaced, or two neighbours swapped.
 * Source: optimal string alignment, e.g. Boytsov, "Indexing methods for approximate dictionary searching", 2011.
 */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= a.length; row++) {
    const above = rows[row - 1] as number[]
    const now = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let least = Math.min(
        (above[column] as number) + 1,
        (now[column - 1] as number) + 1,
        (above[column - 1] as number) + (isSame ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, (rows[row - 2]?.[column - 2] as number) + 1)
      now.push(least)
    }
    rows.push(now)
  }
  return rows[a.length]?.[b.length] as number
}

/** The candidate nearest to a word, whatever its case; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({
      candidate,
      edits: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ candidate, edits }) => edits <= MAX_EDITED_PART * Math.max(word.length, candidate.length))
    .sort((one, other) => one.edits - other.edits)
  return best?.candidate
}

/** ` (did you mean "show"?)`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates)
  return meant === undefined ? '' : ` (did you mean "${meant}"?)`
}
