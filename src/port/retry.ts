const RETRY_US = 200_000

/** When what failed is tried again: at once the first time, then after a while each time. */
export class Retry {
  #atUs = 0

  /** Whether a try is due; the next one is due later then. */
  isDue(nowUs: number): boolean {
    if (nowUs < this.#atUs) return false
    this.#atUs = nowUs + RETRY_US
    return true
  }
}
