import { RingferryError } from '../errors/errors.js'

const MAX_FILTER_CHARACTERS = 2048

/** A word of a filter, and at which character it begins, from 1. */
export interface Word {
  readonly text: string
  readonly at: number
}

const SYNONYMS: Readonly<Record<string, string>> = { '&&': 'and', '||': 'or', '!': 'not' }

/** The words of a filter: texts, "(", ")", and, or, not. Throws USAGE. */
export function splitFilter(filter: string): Word[] {
  if (filter.length > MAX_FILTER_CHARACTERS)
    throw new RingferryError(
      'USAGE',
      `the filter has ${filter.length} characters; at most ${MAX_FILTER_CHARACTERS} are possible`,
    )
  return [...filter.matchAll(/&&|\|\||[!()]|[^\s()!&|]+|\S/g)].map(({ 0: text, index }) => ({
    text: SYNONYMS[text] ?? text,
    at: index + 1,
  }))
}

/** Reads the words of a filter one by one. */
export class Words {
  readonly #words: readonly Word[]
  readonly #end: number
  #next = 0

  constructor(filter: string) {
    this.#words = splitFilter(filter)
    this.#end = filter.trimEnd().length + 1
  }

  /** The next word without taking it; "" at the end. */
  get next(): string {
    return this.#words[this.#next]?.text ?? ''
  }

  /** The word behind the next. */
  get second(): string {
    return this.#words[this.#next + 1]?.text ?? ''
  }

  take(): string {
    const { next } = this
    this.#next++
    return next
  }

  /** Takes the next word if it is this one. */
  accept(word: string): boolean {
    if (this.next !== word) return false
    this.#next++
    return true
  }

  /** Throws USAGE for the next word. @param back how many words before it is wrong */
  refuse(problem: string, back = 0): never {
    const word = this.#words[this.#next - back]
    const what = word ? `character ${word.at}: "${word.text}"` : `character ${this.#end}: it ends here, and`
    throw new RingferryError('USAGE', `filter, ${what} ${problem}`)
  }
}
