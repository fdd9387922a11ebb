import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { XenstoreModel } from '../../test/model/xenstore.js'
import {
  inTransaction,
  listKeys,
  readKey,
  StoreClient,
  StoreError,
  type StoreTask,
  writeKey,
} from './store-client.js'
import { StoreReader, storeBytes, XS, zeroEnded } from './store-wire.js'

/** A client of a model, and its bytes delivered in pieces. */
function connected(model = new XenstoreModel()) {
  const client = new StoreClient((message) => model.write(message))
  const pump = (pieceBytes = 7): void => {
    for (let chunk = model.read(); chunk; chunk = model.read())
      for (let at = 0; at < chunk.length; at += pieceBytes) client.take(chunk.subarray(at, at + pieceBytes))
  }
  const run = <Result>(task: StoreTask<Result>): Result => {
    let outcome: { result: Result | undefined; error: unknown } | undefined
    client.run(task, (result, error) => {
      outcome = { result, error }
    })
    pump()
    if (!outcome) throw new Error('the task has not ended')
    if (outcome.error !== undefined) throw outcome.error
    return outcome.result as Result
  }
  return { model, client, pump, run }
}

describe('StoreReader', () => {
  it('StoreReader gives out the same messages when their bytes come in pieces of any size', () => {
    const message = fc.record({
      type: fc.nat(20),
      request: fc.nat(),
      transaction: fc.nat(),
      payload: fc.uint8Array({ maxLength: 60 }),
    })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (messages, pieces) => {
          const bytes = Buffer.concat(messages.map(storeBytes))
          const reader = new StoreReader()
          const seen = []
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const end = at + (pieces[turn % pieces.length] as number)
            seen.push(...reader.push(bytes.subarray(at, end)))
            at = end
          }
          expect(seen).toEqual(messages)
        },
      ),
    )
  })

  it('StoreReader throws when a message claims more than a payload can have', () => {
    const bytes = storeBytes({ type: 2, request: 1, transaction: 0, payload: new Uint8Array(0) })
    new DataView(bytes.buffer).setUint32(12, 4097, true)
    expect(() => new StoreReader().push(bytes)).toThrow('4097 bytes')
  })
})

describe('StoreClient', () => {
  it('StoreClient reads, lists and writes when asked to', () => {
    const { run, model } = connected()
    model.set({ '/local/domain/0/a/b': 'x', '/local/domain/0/a/c': '' })
    expect(run(listKeys('a'))).toEqual(['b', 'c'])
    expect(run(readKey('a/b'))).toBe('x')
    expect(run(readKey('a/c'))).toBe('')
    expect(run(readKey('a/d'))).toBeUndefined()
    expect(run(listKeys('z'))).toEqual([])
    run(writeKey('a/d', 'two words'))
    expect(model.get('/local/domain/0/a/d')).toBe('two words')
    run(writeKey('a/d', ''))
    expect(model.get('/local/domain/0/a/d')).toBe('')
  })

  it('StoreClient throws the name of the error into a task when the store refuses', () => {
    const { run, model } = connected()
    model.forbidden.add('/secret')
    expect(() => run(readKey('/secret'))).toThrow(new StoreError('reading /secret', 'EACCES'))
  })

  it('StoreClient runs tasks side by side when answers and watch events alternate', () => {
    const { client, model, pump } = connected()
    model.set({ '/a': '1', '/b': '2' })
    const events: string[] = []
    const results: unknown[] = []
    client.watch('/a', (path) => events.push(path))
    for (const path of ['/a', '/b'])
      client.run(readKey(path), (value) => {
        results.push(value)
        model.set({ '/a': `after ${path}` })
      })
    pump(3)
    expect(results).toEqual(['1', '2'])
    expect(events).toEqual(['/a', '/a', '/a'])
  })

  it('StoreClient tells no more events when unwatch() was called, those on their way included', () => {
    const { client, model, pump } = connected()
    const events: string[] = []
    const token = client.watch('/a', (path) => events.push(path))
    pump()
    model.set({ '/a/b': 1 })
    client.unwatch('/a', token)
    pump()
    model.set({ '/a/b': 2 })
    pump()
    expect(events).toEqual(['/a'])
    expect(model.watches).toBe(0)
  })
})

describe('inTransaction', () => {
  function* increment(path: string): StoreTask<void> {
    yield* inTransaction(function* (transaction) {
      const value = Number((yield* readKey(path, transaction)) ?? 0)
      yield* writeKey(path, String(value + 1), transaction)
    })
  }

  it('inTransaction runs its body again when somebody else gets in the way', () => {
    const { run, model } = connected()
    model.conflicts = 3
    run(increment('/n'))
    expect(model.get('/n')).toBe('1')
    expect(model.taken.filter((type) => type === XS.TRANSACTION_START)).toHaveLength(4)
  })

  it('inTransaction gives up with EAGAIN when somebody always gets in the way', () => {
    const { run, model } = connected()
    model.conflicts = 1000
    expect(() => run(increment('/n'))).toThrow('EAGAIN')
    expect(model.get('/n')).toBeUndefined()
  })

  it('inTransaction leaves nothing behind when its body throws', () => {
    const { run, model } = connected()
    const broken = inTransaction(function* (transaction) {
      yield* writeKey('/n', '1', transaction)
      throw new Error('no')
    })
    expect(() => run(broken)).toThrow('no')
    expect(model.get('/n')).toBeUndefined()
    expect(model.taken.at(-1)).toBe(XS.TRANSACTION_END)
  })
})

it('zeroEnded ends each string when there are several', () => {
  expect([...zeroEnded('a', '')]).toEqual([97, 0, 0])
})
