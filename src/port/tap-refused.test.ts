/** A TAP where the kernel refuses io_uring: this process forbids it to itself, for good. */
import { afterAll, describe, expect, it } from 'vitest'
import { collect } from '../../test/support/conformance.js'
import { socketSide } from '../../test/support/far-sides.js'
import { enterPrivateNetwork, whyNoDevices } from '../../test/support/private-network.js'
import { attach, broadcast, cleanUp, frame, newEngine } from '../../test/support/switch.js'
import { OP, whyNoRing } from '../sys/io-uring.js'
import { check, EPERM, libc } from '../sys/libc.js'
import { NativeBuffer } from '../sys/native-buffer.js'

const PR_SET_SECCOMP = 22
const PR_SET_NO_NEW_PRIVS = 38
const SECCOMP_MODE_FILTER = 2
const SYS_IO_URING_SETUP = 425
const RET_ALLOW = 0x7fff_0000
const RET_ERRNO = 0x0005_0000

/** Forbids a system call to the calling thread. Source: seccomp(2), linux/filter.h. */
function forbid(number: number): void {
  const memory = new NativeBuffer(64)
  const { data, address } = memory
  const program: [code: number, ifTrue: number, ifFalse: number, value: number][] = [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, number],
    [0x06, 0, 0, RET_ERRNO | EPERM],
    [0x06, 0, 0, RET_ALLOW],
  ]
  data.setUint16(0, program.length, true)
  data.setBigUint64(8, BigInt(address + 16), true)
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    const at = 16 + index * 8
    data.setUint16(at, code, true)
    data.setUint8(at + 2, ifTrue)
    data.setUint8(at + 3, ifFalse)
    data.setUint32(at + 4, value, true)
  }
  check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'giving up privileges to come')
  check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0, 0), 'installing a seccomp filter')
  memory.free()
}

const reason = whyNoDevices()
if (reason === undefined) {
  enterPrivateNetwork()
  forbid(SYS_IO_URING_SETUP)
} else console.warn(`skipped: TAP without io_uring: ${reason}`)

describe.skipIf(reason !== undefined)('TapPort where io_uring is refused', () => {
  afterAll(cleanUp)

  it.each([1, 3])('moves a frame by each call and says so in its status when it has %i queues', (queues) => {
    expect(whyNoRing(OP.WRITE)).toMatch(
      /^it is refused \(sysctl kernel.io_uring_disabled, or a seccomp filter/,
    )
    const engine = newEngine()
    const free = engine.memory.freeBytes
    engine.addPort({ kind: 'tap', name: 't', device: 'rftap3', queues })
    expect(engine.memory.freeBytes).toBeGreaterThan(free - 4 * 2 ** 20)
    expect(engine.ports[0]?.status()).toMatchObject({
      state: 'up',
      unbatched: expect.stringMatching(/^no io_uring: it is refused/),
    })
    const far = socketSide('rftap3')
    const guest = attach(engine, 'g')
    guest.driver.send(broadcast(2))
    expect(collect(engine, () => far.receive(), 1)).toHaveLength(1)
    const count = 200
    for (let sent = 0; sent < count; sent++) far.send(frame(2, 1, 60 + sent, sent))
    const toGuest = collect(engine, () => guest.driver.receive(), count)
    expect(toGuest.map((received) => received.frame.length).sort((a, b) => a - b)).toEqual(
      Array.from({ length: count }, (_, sent) => 60 + sent),
    )
    for (let sent = 0; sent < count; sent++) guest.driver.send(frame(1, 2, 60 + sent, sent))
    const toFar = collect(engine, () => far.receive(), count)
    expect(toFar.map((received) => received.frame.length)).toEqual(
      Array.from({ length: count }, (_, sent) => 60 + sent),
    )
    far.close()
    engine.removePort('t')
  })
})
