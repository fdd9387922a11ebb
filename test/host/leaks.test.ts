/** What an engine's thread allocates per message is freed without its loop ever yielding. */
import { readdirSync } from 'node:fs'
import { memoryUsage } from 'node:process'
import { afterAll, describe, expect, it } from 'vitest'
import { createMemfd } from '../../src/sys/memory-map.js'
import { closeFd, connectUnix, receiveWithFds, sendWithFds, socketPair } from '../../src/sys/unix-socket.js'
import { encodeInflight, encodeMemoryTable, encodeMessage, encodeU64 } from '../../src/vhost-user/messages.js'
import { PROTOCOL_F, REQUEST } from '../../src/vhost-user/requests.js'
import { cleanUp, newEngine } from '../support/switch.js'

const WARM_UP = 20_000
const ROUNDS = 100_000
/** What stays does so in every window; what the allocators take at a moment of their choice shows in one or two of them. */
const WINDOWS = 5
/** Less than the smallest native object takes. */
const BYTES_PER_ROUND = 80
const LIMIT_MS = 120_000
const BATCH = 50

afterAll(cleanUp)

/** Memory of the process beside the JavaScript heap, whose size follows its own rules, and open descriptors. */
function held(): { bytes: number; fds: number } {
  const { rss, heapTotal } = memoryUsage()
  return { bytes: rss - heapTotal, fds: readdirSync('/proc/self/fd').length }
}

/** Does something often enough to tell what stays of it. */
function expectNothingStays(round: () => void, rounds = ROUNDS): void {
  for (let index = 0; index < WARM_UP; index++) round()
  const before = held()
  let last = before
  const growths = Array.from({ length: WINDOWS }, () => {
    for (let index = 0; index < rounds / WINDOWS; index++) round()
    const now = held()
    const growth = now.bytes - last.bytes
    last = now
    return (growth * WINDOWS) / rounds
  })
  expect(last.fds).toBe(before.fds)
  const usual = growths.sort((a, b) => a - b)[Math.floor(WINDOWS / 2)]
  expect(usual, growths.join(', ')).toBeLessThan(BYTES_PER_ROUND)
}

/** A port and its peer's socket; the returned function sends a message, batch by batch, and takes the replies. */
function asker(
  protocol: bigint,
  message: Uint8Array,
  replyBytes: number,
  fds: readonly number[],
): () => void {
  const engine = newEngine({ memoryBytes: 64 * 2 ** 20 })
  const [ours, theirs] = socketPair()
  engine.addPort({ kind: 'embedded', name: 'peer', fd: ours })
  sendWithFds(theirs, encodeMessage(REQUEST.SET_PROTOCOL_FEATURES, 0, encodeU64(protocol)))
  let sent = 0
  return () => {
    if (sendWithFds(theirs, message, fds) !== message.length) throw new Error('the socket is full')
    if (++sent % BATCH !== 0) return
    for (let missing = BATCH * replyBytes; missing > 0; ) {
      engine.step()
      for (
        let reply = receiveWithFds(theirs, replyBytes);
        reply;
        reply = receiveWithFds(theirs, replyBytes)
      ) {
        if (reply.closed) throw new Error(`the port hung up: ${engine.ports[0]?.status().reason}`)
        for (const fd of reply.fds) closeFd(fd)
        missing -= reply.bytes.length
      }
    }
  }
}

describe('an engine that never yields keeps nothing', () => {
  it(
    'of 100,000 inflight areas',
    () => {
      const wish = encodeInflight({ sizeBytes: 0, offset: 0, queues: 2, queueSize: 64 }, 24)
      expectNothingStays(
        asker(PROTOCOL_F.INFLIGHT_SHMFD, encodeMessage(REQUEST.GET_INFLIGHT_FD, 0, wish), 36, []),
      )
    },
    LIMIT_MS,
  )

  it(
    'of 100,000 memory tables',
    () => {
      const fd = createMemfd('ringferry-test', 2 ** 20)
      const region = { guestAddress: 0, sizeBytes: 2 ** 20, userAddress: 2 ** 30, fileOffset: 0 }
      const message = encodeMessage(REQUEST.SET_MEM_TABLE, 8, encodeMemoryTable([region]))
      expectNothingStays(asker(PROTOCOL_F.REPLY_ACK, message, 20, [fd]))
      closeFd(fd)
    },
    LIMIT_MS,
  )

  it(
    'of 100,000 connections',
    () => {
      const engine = newEngine({ memoryBytes: 64 * 2 ** 20 })
      const socket = `/tmp/ringferry-test-${process.pid}.sock`
      engine.addPort({ kind: 'vif', name: 'peer', socket })
      expectNothingStays(() => {
        closeFd(connectUnix(socket))
        for (let steps = 0; steps < 100 && engine.ports[0]?.status().reason === undefined; steps++)
          engine.step()
        engine.step()
      })
    },
    LIMIT_MS,
  )
})
