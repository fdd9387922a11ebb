import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NotifyListener } from '../../test/support/notify-listener.js'
import { passedFiles } from '../../test/support/session.js'
import { createEventfd } from './eventfd.js'
import { FdStore } from './fd-store.js'
import { closeFd } from './unix-socket.js'

let made = 0
let manager: NotifyListener
let store: FdStore
let fd: number
let before: string[]
beforeEach(() => {
  before = passedFiles()
  const address = `@ringferry-store/${process.pid}-${made++}`
  manager = new NotifyListener(address)
  store = new FdStore(address, 'g.1')
  fd = createEventfd()
})
afterEach(() => {
  store.close()
  manager.close()
  closeFd(fd)
  expect(passedFiles()).toEqual(before)
})

const names = (): string[] => manager.stored().map(({ name }) => name)

/** Lets the manager read and the store go on until nothing is left to be told. */
function settle(): void {
  while (!store.isSettled) {
    manager.take()
    store.tick()
  }
}

describe('FdStore', () => {
  it('keep puts a descriptor into the store, and drop takes it out', () => {
    store.keep('d1', fd)
    expect(names()).toEqual(['ringferry-d1-g.1'])
    store.drop('d1')
    expect(names()).toEqual([])
    expect(manager.told).toEqual([
      'FDSTORE=1\nFDNAME=ringferry-d1-g.1',
      'FDSTOREREMOVE=1\nFDNAME=ringferry-d1-g.1',
    ])
  })

  it('keep does not wait for a manager that does not read, and tells it all later, in order', () => {
    for (let at = 0; at < 600; at++) store.keep(`d${at}`, fd)
    expect(store.isSettled).toBe(false)
    settle()
    expect(names()).toEqual(Array.from({ length: 600 }, (_, at) => `ringferry-d${at}-g.1`))
  })

  it('drop forgets what the manager was not told yet', () => {
    for (let at = 0; at < 600; at++) store.keep('d1', fd)
    const told = manager.take().length
    for (let at = 0; at < 600; at++) store.drop('d1')
    settle()
    expect(names()).toEqual([])
    expect(manager.told.length).toBeLessThanOrEqual(told + 600)
  })

  it('bothers the manager no more than so often, whatever is asked', () => {
    for (let round = 0; round < 10_000; round++) {
      store.keep('d1', fd)
      store.drop('d1')
      manager.take()
    }
    // What waits cancels out.
    expect(manager.told.length).toBeLessThanOrEqual(512)
    settle()
    expect(names()).toEqual([])
  })

  it('is settled when nobody is there to keep anything', () => {
    const nobody = new FdStore('@nobody-is-here', 'g1')
    nobody.keep('d1', fd)
    expect(nobody.isSettled).toBe(true)
  })
})
