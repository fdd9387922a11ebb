import { describe, expect, it } from 'vitest'
import { FakeLab, guestDied } from '../../../test/support/lab-fakes.js'
import { RingferryError } from '../../errors/errors.js'
import { roundOrder } from './order.js'

const CELLS = [
  'policy=natural,isolation=true',
  'policy=natural,isolation=false',
  'policy=dim,isolation=true',
  'policy=dim,isolation=false',
]

function failures(lab: FakeLab) {
  return lab.records.flatMap((record) => (record.type === 'failure' ? [record] : []))
}

describe('roundOrder', () => {
  it('roundOrder is a function of seed and round, with all cells in it and a bed kept together', () => {
    const { cells } = new FakeLab('{ min: 1, max: 1 }', 'aa: { policy: dim, isolation: true }').plan
    const names = (seed: number, round: number) =>
      roundOrder(cells, seed, round)
        .flat()
        .map(({ cell, twin }) => `${cell.id}${twin ? ' twin' : ''}`)
    expect(names(7, 3)).toEqual(names(7, 3))
    expect([...names(7, 3)].sort()).toEqual([...CELLS, `${CELLS[2]} twin`].sort())
    const orders = new Set(Array.from({ length: 40 }, (_, round) => names(7, round).join(' ')))
    expect(orders.size).toBeGreaterThan(10)
    expect(new Set(Array.from({ length: 40 }, (_, seed) => names(seed, 0)[0])).size).toBeGreaterThan(3)
    for (let round = 0; round < 20; round++) {
      const specs = roundOrder(cells, 1, round).flatMap((bed) => bed.map(({ cell }) => cell.bed))
      const changes = specs.filter((spec, at) => at > 0 && spec !== specs[at - 1]).length
      expect(changes).toBeLessThanOrEqual(4)
    }
  })
})

describe('runStudy', () => {
  it('runStudy measures every cell in every round, a bed a round, and says that it finished', async () => {
    const lab = new FakeLab()
    await lab.run()
    expect([...lab.order].sort()).toEqual(
      [0, 1].flatMap((round) => CELLS.map((cell) => `${round} ${cell}`)).sort(),
    )
    expect(lab.records.at(-1)?.type).toBe('finished')
    expect(lab.beds.every(({ stopped }) => stopped === 1)).toBe(true)
    // The fake bed takes another policy, but not another isolation: 2 to 4 beds a round.
    expect(lab.beds.length).toBeLessThanOrEqual(8)
    expect(lab.closed).toBe(8)
    const again = new FakeLab()
    await again.run([], { seed: 2 })
    expect(again.order).not.toEqual(lab.order)
  })

  it('runStudy repeats a cell until its interval is narrow, and no longer than its rounds', async () => {
    const lab = new FakeLab('{ min: 3, max: 6, halfWidth: 0.05 }')
    let n = 0
    lab.act = ({ bed }) => (bed.spec.switch.policy === 'dim' ? 100 * (1 + (n++ % 5)) : 100 + (n++ % 2))
    await lab.run()
    const rounds = CELLS.map((cell) => lab.measurements.filter((one) => one.cell === cell).length)
    expect(rounds.slice(0, 2)).toEqual([3, 3])
    expect(rounds.slice(2)).toEqual([6, 6])
  })

  it('runStudy measures the cell of an A/A check twice in a round', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }', 'aa: { policy: dim, isolation: true }')
    await lab.run()
    expect([...lab.order].sort()).toEqual([...CELLS.map((cell) => `0 ${cell}`), `0 ${CELLS[2]} twin`].sort())
  })

  it('runStudy tries a cell that failed once more on a fresh bed at the end of the round', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.act = ({ n }) => {
      if (n === 1) throw guestDied()
      return 5
    }
    await lab.run()
    expect(lab.measurements).toHaveLength(4)
    expect(failures(lab)).toEqual([])
    expect(lab.notes).toContainEqual(expect.stringContaining('guest a: it ended; it is tried again'))
    expect(lab.beds.every(({ stopped }) => stopped === 1)).toBe(true)
  })

  it('runStudy records a cell that fails twice and measures all others', async () => {
    const lab = new FakeLab('{ min: 2, max: 2 }')
    lab.act = ({ bed }) => {
      const { policy, isolation } = bed.spec.switch
      if (policy === 'dim' && isolation) throw new RingferryError('GUEST', 'iperf3 gave nothing')
      return 5
    }
    await lab.run()
    expect(lab.measurements).toHaveLength(6)
    expect(failures(lab)).toEqual(
      [0, 1].map((round) =>
        expect.objectContaining({ cell: CELLS[2], round, reason: 'iperf3 gave nothing', impossible: false }),
      ),
    )
  })

  it('runStudy fails only the cell under way when the bed dies', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.act = async ({ bed, n }) => {
      if (n > 0) return 5
      bed.die(new RingferryError('GUEST', 'the switch died'))
      return new Promise(() => {})
    }
    // The load that hangs is not waited for without end.
    await lab.run()
    expect(lab.measurements).toHaveLength(4)
    expect(failures(lab)).toEqual([])
  })

  it('runStudy does not try again what this machine cannot do', async () => {
    const lab = new FakeLab('{ min: 2, max: 3 }')
    let builds = 0
    lab.build = ({ switch: { isolation } }) => {
      if (isolation) return
      builds++
      throw new RingferryError('NOT_FOUND', 'no dpdk-testpmd; apt install dpdk')
    }
    await lab.run()
    expect(builds).toBe(2)
    expect(failures(lab).map(({ cell, impossible }) => [cell, impossible])).toEqual(
      expect.arrayContaining([
        [CELLS[1], true],
        [CELLS[3], true],
      ]),
    )
    expect(failures(lab)).toHaveLength(2)
  })

  it('runStudy tries a bed that does not come up once more at the end of the round, not once a cell', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }', 'aa: { policy: dim, isolation: true }')
    let builds = 0
    lab.build = ({ switch: { isolation } }) => {
      if (!isolation) return
      builds++
      throw new RingferryError('GUEST', 'guest a did not come up')
    }
    await lab.run()
    // Two specs of one bed, one of them with a twin: after the third time the other one is not tried again.
    expect(builds).toBe(3)
    expect(
      failures(lab)
        .map(({ cell }) => cell)
        .sort(),
    ).toEqual([CELLS[2], CELLS[0]])
    expect(lab.measurements).toHaveLength(2)
  })

  it('runStudy takes a workload that misses what a dying guest had for no verdict on the cell', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.act = ({ bed, n }) => {
      if (n > 0) return 5
      setImmediate(() => bed.die(new RingferryError('GUEST', 'guest a ended by itself')))
      throw new RingferryError('NOT_FOUND', 'no such device')
    }
    await lab.run()
    expect(failures(lab)).toEqual([])
    expect(lab.measurements).toHaveLength(4)
    expect(lab.notes.join()).toMatch(/guest a ended by itself; it is tried again/)
  })

  it('runStudy gives a bed up that failed three times for one reason, whatever its numbers say', async () => {
    const lab = new FakeLab('{ min: 5, max: 6 }')
    let builds = 0
    lab.build = () => {
      builds++
      throw new RingferryError('GUEST', `guest a (process ${4000 + builds}) did not come up within 60 s`)
    }
    await lab.run()
    expect(builds).toBe(3)
    const reasons = failures(lab).map(({ reason }) => reason)
    expect(reasons).toHaveLength(CELLS.length)
    expect(reasons.at(-1)).toMatch(/^not tried again, its bed failed 3 times: guest a \(process 4003\)/)
  })

  it('runStudy goes on trying a bed that fails for other reasons, or that came up in between', async () => {
    const lab = new FakeLab('{ min: 4, max: 4 }')
    let builds = 0
    lab.build = () => {
      builds++
      if (builds % 3 !== 0) throw new RingferryError('GUEST', builds % 3 === 1 ? 'no memory' : 'no kernel')
    }
    await lab.run()
    expect(failures(lab).some(({ reason }) => reason.startsWith('not tried'))).toBe(false)
    expect(builds).toBeGreaterThan(8)
  })

  it('runStudy stops the bed, notes the interruption and rejects when the signal comes', async () => {
    const lab = new FakeLab()
    lab.act = ({ n }) => {
      if (n === 2) lab.abort.abort()
      return 5
    }
    await expect(lab.run()).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(lab.records.map(({ type }) => type)).toEqual(['measurement', 'measurement', 'interrupted'])
    expect(lab.beds.every(({ stopped }) => stopped === 1)).toBe(true)
  })

  it('runStudy goes on where it was interrupted, in the order that it would have had', async () => {
    const whole = new FakeLab('{ min: 2, max: 4, halfWidth: 0.001 }')
    let n = 0
    whole.act = () => 100 + (n++ % 3)
    await whole.run()
    for (const kept of [0, 1, 5, 9, whole.measurements.length]) {
      const before = whole.measurements.slice(0, kept)
      const rest = new FakeLab('{ min: 2, max: 4, halfWidth: 0.001 }')
      let m = kept
      rest.act = () => 100 + (m++ % 3)
      await rest.run(before)
      expect(rest.order).toEqual(whole.order.slice(kept))
    }
  })

  it('runStudy tries again, after a resumption, what failed before, but not what is impossible', async () => {
    const first = new FakeLab('{ min: 1, max: 1 }')
    first.act = ({ bed }) => {
      const { policy, isolation } = bed.spec.switch
      if (policy === 'dim') throw new RingferryError(isolation ? 'NOT_FOUND' : 'GUEST', 'no')
      return 5
    }
    await first.run()
    const second = new FakeLab('{ min: 1, max: 1 }')
    await second.run(first.records)
    expect(second.order).toEqual([`0 ${CELLS[3]}`])
  })

  it('runStudy takes what a bed uses while it is idle (threads that keep processors awake, a switch that polls) for no noise', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.busyRatio = 0.9
    lab.idleCpuS = () => lab.seconds * 0.8
    await lab.run([], { strict: true })
    expect(lab.measurements.map(({ noise }) => noise.verdict)).toEqual(Array(4).fill('quiet'))
    expect(lab.measurements[0]?.noise.busyRatio).toBeCloseTo(0.1)
  })

  it('runStudy takes nothing for noise on a bed that counts its own time', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.busyRatio = 0.9
    lab.hasOwnTime = true
    await lab.run([], { strict: true })
    expect(lab.measurements.map(({ noise }) => noise.verdict)).toEqual(Array(4).fill('quiet'))
    expect(lab.measurements[0]?.noise.busyRatio).toBeCloseTo(0.9)
  })

  it('runStudy marks cells that were measured on a busy machine, and refuses them when it is strict', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.busyRatio = 0.5
    await lab.run()
    expect(lab.measurements.map(({ noise }) => noise.verdict)).toEqual(Array(4).fill('marked'))
    expect(lab.measurements[0]?.noise.reasons).toEqual(['processors 50 % busy before the cell'])
    const strict = new FakeLab('{ min: 1, max: 1 }')
    strict.busyRatio = 0.5
    await strict.run([], { strict: true })
    expect(strict.measurements).toEqual([])
    expect(failures(strict)[0]?.reason).toMatch(/^the machine is not quiet .* --strict refuses to measure/)
    expect(strict.seconds).toBeLessThan(200)
  })

  it('runStudy does not write a value that could not be read back', async () => {
    const lab = new FakeLab('{ min: 1, max: 1 }')
    lab.act = () => Number.NaN
    await lab.run()
    for (const { workloads } of lab.measurements) expect(workloads[0]?.metrics).toEqual({})
  })
})
