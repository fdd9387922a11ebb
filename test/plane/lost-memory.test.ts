import { afterEach, describe, expect, it } from 'vitest'
import { EmbeddedGuest } from '../../src/embedded/guest.js'
import type { Engine } from '../../src/engine/engine.js'
import { canSurviveFaults } from '../../src/sys/fault-guard.js'
import { libc } from '../../src/sys/libc.js'
import { PAGE_BYTES } from '../../src/sys/native-buffer.js'
import { BesideHealthyPair, UNHARMED } from '../support/healthy-pair.js'
import { attach, broadcast, cleanUp, frame, newEngine } from '../support/switch.js'

const MB = 2 ** 20
const CUT = /its memory file was cut short to \d+ bytes; it granted \d+/

/** Cuts a guest's memory file. The test must not touch what is gone: nobody guards its own mapping. */
function cut(guest: EmbeddedGuest, bytes: number): void {
  for (const { fd } of guest.memory.regions) libc.ftruncate(fd, bytes)
}

interface Member {
  readonly title: string
  readonly engine?: Parameters<typeof newEngine>[0]
  readonly guest?: ConstructorParameters<typeof EmbeddedGuest>[1]
  readonly settings?: Parameters<typeof attach>[3]
  /** Bytes that are left. Rings and transmit slots lie first, receive buffers last. */
  readonly left: number
  /** What the guest does before its file is cut, and others after it. */
  before?(evil: EmbeddedGuest): void
  after?(other: EmbeddedGuest): void
}

const toEvil = (other: EmbeddedGuest): unknown => other.driver.send(broadcast(2))
const fromEvil = (evil: EmbeddedGuest): unknown => evil.driver.send(broadcast(1))

const MEMBERS: readonly Member[] = [
  { title: 'nothing is left of its rings', left: 0 },
  { title: 'nothing is left and it has just sent frames', left: 0, before: fromEvil },
  { title: 'nothing is left and frames go to it', left: 0, after: toEvil },
  { title: 'its rings are left and frames go to it', left: 256 * 1024, after: toEvil },
  { title: 'its first page is left', left: PAGE_BYTES, before: fromEvil, after: toEvil },
  {
    title: 'its granules are mapped on demand',
    engine: { memoryBytes: 32 * MB },
    left: 0,
    before: fromEvil,
    after: toEvil,
  },
  {
    title: 'it has several queues and a control queue',
    guest: { queuePairs: 4 },
    settings: { queues: 4, control: true },
    left: PAGE_BYTES,
    after: toEvil,
  },
  {
    title: 'it is a legacy guest without mergeable buffers',
    guest: { features: 0n, bufferBytes: 2048 },
    left: 0,
    after: toEvil,
  },
]

function statusOf(engine: Engine, name: string) {
  return engine.ports.find((port) => port.name === name)?.status()
}

describe.skipIf(!canSurviveFaults())('Engine', () => {
  afterEach(cleanUp)

  it.each(MEMBERS)('Engine detaches a guest alone whose memory file was cut short when $title', (member) => {
    const engine = newEngine(member.engine)
    const small = { memory: 8 * MB, txSlotBytes: 2048 }
    const evil = attach(engine, 'evil', { ...small, ...member.guest }, member.settings)
    const [one, two] = ['one', 'two'].map((name) => attach(engine, name, small)) as [
      EmbeddedGuest,
      EmbeddedGuest,
    ]
    member.before?.(evil)
    cut(evil, member.left)
    member.after?.(one)
    for (let round = 0; round < 8; round++) engine.step()
    const told = statusOf(engine, 'evil')
    expect(told?.state).toBe('waiting')
    expect(told?.reason).toMatch(CUT)
    expect(told?.detachments).toBe(1)
    while (two.driver.receive()) {
      // What was flooded before.
    }
    for (let number = 0; number < 50; number++) {
      one.driver.send(frame(3, 2, 100, number))
      engine.step()
      expect(two.driver.receive()?.frame).toEqual(frame(3, 2, 100, number))
    }
    expect(statusOf(engine, 'one')?.detachments).toBe(0)
  })

  it('Engine blames nobody for a granule that is reused after its guest lost it', () => {
    const engine = newEngine()
    for (let round = 0; round < 5; round++) {
      const evil = attach(engine, `evil${round}`, { memory: 8 * MB, txSlotBytes: 2048 })
      evil.driver.send(broadcast(1))
      cut(evil, 0)
      for (let step = 0; step < 4; step++) engine.step()
      expect(statusOf(engine, `evil${round}`)?.reason).toMatch(CUT)
      const next = attach(engine, `next${round}`, { memory: 8 * MB, txSlotBytes: 2048 })
      next.driver.send(broadcast(2))
      engine.step()
      expect(statusOf(engine, `next${round}`)).toMatchObject({ state: 'up', detachments: 0 })
    }
  })
})

describe.skipIf(!canSurviveFaults())('a switch beside a guest whose memory file is cut short', () => {
  let site: BesideHealthyPair | undefined
  afterEach(async () => {
    await site?.end()
    site = undefined
  })

  it('loses and delays no frame of others, and takes the next guest on the same port', async () => {
    site = await BesideHealthyPair.start(['evil'])
    for (let round = 1; round <= 5; round++) {
      const evil = new EmbeddedGuest(site.path('evil'), { memory: 8 * MB, txSlotBytes: 2048 })
      for (let sent = 0; sent < 32; sent++) evil.driver.send(broadcast(9))
      cut(evil, round === 1 ? 0 : round * PAGE_BYTES)
      await site.told('evil', 'detached', CUT, round)
      evil.close()
    }
    expect(await site.end()).toEqual(UNHARMED)
  })
})
