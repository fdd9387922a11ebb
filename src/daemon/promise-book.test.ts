import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ModelledPromise } from '../../test/support/promise-model.js'
import type { PromiseReading } from '../control/promise-reading.js'
import { PromiseBook, type PromiseSource } from './promise-book.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A switch with one vif that counts how often it is read. */
class CountedSource implements PromiseSource {
  version = 0
  reads = 0
  readonly model = new ModelledPromise()

  promises(): PromiseReading {
    this.reads++
    return this.model.undecided
  }

  subscribe(): () => void {
    return () => {}
  }
}

describe('PromiseBook', () => {
  it('verdicts are judged once a second however often they are asked for', () => {
    const source = new CountedSource()
    const book = new PromiseBook(source)
    for (let asked = 0; asked < 1_000; asked++) book.verdicts()
    expect(source.reads).toBe(1)
    vi.advanceTimersByTime(3_000)
    for (let asked = 0; asked < 1_000; asked++) book.verdict('g1')
    expect(source.reads).toBe(4)
    book.close()
    vi.advanceTimersByTime(3_000)
    expect(source.reads).toBe(4)
  })

  it('verdicts are judged once more when something was changed: a target that was just set is in them', () => {
    const source = new CountedSource()
    const book = new PromiseBook(source)
    source.model.reading = { ...source.model.reading, targetUs: 700 }
    expect(book.verdict('g1').targetUs).toBe(200)
    source.version++
    for (let asked = 0; asked < 1_000; asked++) expect(book.verdict('g1').targetUs).toBe(700)
    expect(source.reads).toBe(2)
    book.close()
  })
})
