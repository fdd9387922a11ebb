/**
 * The kernel's selftest of its merging, asked of a switch between two TAPs: frames from a raw socket on one, judged as
 * they arrive at a raw socket on the other.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FarSide, socketSide } from '../../test/support/far-sides.js'
import { burstsOf, CASE_NAMES, isLast, lastFrame } from '../../test/support/kernel-merge-cases.js'
import { shape } from '../../test/support/merge.js'
import { enterPrivateNetwork, whyNoDevices } from '../../test/support/private-network.js'
import { stepUntil } from '../../test/support/step-until.js'
import { cleanUp, newEngine } from '../../test/support/switch.js'
import type { ReceivedFrame } from '../driver/net-driver.js'
import type { Engine } from '../engine/engine.js'

const reason = whyNoDevices()
if (reason === undefined) enterPrivateNetwork()
else console.warn(`skipped: merging between TAPs: ${reason}`)

describe.skipIf(reason !== undefined)("merging between two TAPs equals the kernel's own", () => {
  let engine: Engine
  let from: FarSide
  let to: FarSide

  beforeEach(() => {
    engine = newEngine()
    for (const device of ['rfmerge0', 'rfmerge1'])
      engine.addPort({ kind: 'tap', name: device, device, mtu: 9000 })
    stepUntil(engine, () => engine.ports.every((port) => port.status().state === 'up'))
    from = socketSide('rfmerge0')
    to = socketSide('rfmerge1')
  })
  afterEach(() => {
    from.close()
    to.close()
    cleanUp()
  })

  /** Sends frames that the engine finds together, and returns what comes of them. */
  function cross(frames: readonly Uint8Array[], last: Uint8Array): ReceivedFrame[] {
    for (const frame of frames) from.send(frame)
    from.send(last)
    const received: ReceivedFrame[] = []
    stepUntil(engine, () => {
      for (let got = to.receive(); got; got = to.receive()) received.push(got)
      return received.some(({ frame }) => isLast(frame))
    })
    expect(isLast((received.pop() as ReceivedFrame).frame)).toBe(true)
    return received
  }

  const cases = [false, true].flatMap((v6) =>
    CASE_NAMES.map((name) => [name, v6 ? 'IPv6' : 'IPv4', v6] as const),
  )
  it.each(cases)('case %s over %s', (name, _, v6) => {
    const last = lastFrame(v6)
    for (const { title, frames, payloads } of burstsOf(name, v6))
      expect({ title, payloads: shape(cross(frames, last)) }).toEqual({ title, payloads })
  })
})
