import { afterEach, beforeEach, expect, test } from 'vitest'
import { NotifyListener } from '../../test/support/notify-listener.js'
import { createEventfd } from '../sys/eventfd.js'
import { closeFd } from '../sys/unix-socket.js'
import { KeptConnections } from './kept-connections.js'

const ADDRESS = `@ringferry-connections/${process.pid}`
let manager: NotifyListener
let fd: number
beforeEach(() => {
  manager = new NotifyListener(ADDRESS)
  fd = createEventfd()
})
afterEach(() => {
  manager.close()
  closeFd(fd)
})

test('KeptConnections tells what a guest left to be told when it went', () => {
  const kept = new KeptConnections({ socket: ADDRESS, stored: new Map() })
  for (let at = 0; at < 600; at++) kept.storeOf('g1').keep(`d${at}`, fd)
  for (let at = 0; at < 600; at++) kept.storeOf('g1').drop(`d${at}`)
  expect(kept.storeOf('g1').isSettled).toBe(false)
  while (!kept.storeOf('g1').isSettled) {
    manager.take()
    kept.tick()
  }
  expect(manager.stored()).toEqual([])
})

test('KeptConnections gives what was kept for a port once', () => {
  const kept = new KeptConnections({ socket: ADDRESS, stored: new Map([['g1', new Map([['d0', 7]])]]) })
  expect(kept.take('g2')).toBeUndefined()
  expect([...(kept.take('g1') ?? [])]).toEqual([['d0', 7]])
  expect(kept.take('g1')).toBeUndefined()
})
