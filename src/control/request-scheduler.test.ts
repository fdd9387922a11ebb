import { describe, expect, it } from 'vitest'
import { PORT_BURST_US, RequestScheduler, TURN_US } from './request-scheduler.js'

/** A scheduler whose ports' requests take given times, on a clock that only they move. */
function scheduler(costsUs: readonly number[], share = 0.25) {
  const state = {
    nowUs: 1e6,
    served: costsUs.map(() => 0),
    left: costsUs.map(() => Number.POSITIVE_INFINITY),
  }
  const requests = new RequestScheduler({
    ports: costsUs.length,
    share,
    clock: () => state.nowUs,
    used: () => state.nowUs,
    serve: (port) => {
      state.nowUs += costsUs[port] as number
      state.served[port] = (state.served[port] as number) + 1
      state.left[port] = (state.left[port] as number) - 1
      return (state.left[port] as number) > 0
    },
  })
  return { state, requests }
}

describe('RequestScheduler', () => {
  it('run serves nothing when nobody asks, and each request once when they are few', () => {
    const { state, requests } = scheduler([10, 10])
    expect(requests.run(false)).toBe(0)
    state.left = [3, 1]
    requests.ask(0)
    requests.ask(0)
    requests.ask(1)
    expect(requests.run(false)).toBe(4)
    expect(state.served).toEqual([3, 1])
    expect(requests.dueUs(state.nowUs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('run ends after TURN_US when requests are without end, whatever one of them takes', () => {
    for (const costUs of [1, 50, 400, 30_000]) {
      const { state, requests } = scheduler([costUs, costUs, costUs])
      for (let port = 0; port < 3; port++) requests.ask(port)
      const before = state.nowUs
      requests.run(false)
      expect(state.nowUs - before).toBeLessThan(TURN_US + costUs)
    }
  })

  it('run gives a port with long requests no more time than one with short ones', () => {
    const { state, requests } = scheduler([400, 10], 1)
    for (let turn = 0; turn < 200; turn++) {
      requests.ask(0)
      requests.ask(1)
      requests.run(false)
    }
    const [long = 0, short = 0] = state.served
    expect((long * 400) / (short * 10)).toBeGreaterThan(0.8)
    expect((long * 400) / (short * 10)).toBeLessThan(1.2)
  })

  it('run spends a quarter of the time on requests while frames move', () => {
    const { state, requests } = scheduler([100, 100, 100, 100], 1)
    for (let port = 0; port < 4; port++) requests.ask(port)
    let requestsUs = 0
    const start = state.nowUs
    for (let turn = 0; turn < 1000; turn++) {
      state.nowUs += 300
      const before = state.nowUs
      requests.run(true)
      requestsUs += state.nowUs - before
    }
    expect(requestsUs / (state.nowUs - start)).toBeGreaterThan(0.2)
    expect(requestsUs / (state.nowUs - start)).toBeLessThan(0.3)
  })

  it('run lets a port wait that has used up its share, and dueUs tells for how long', () => {
    const { state, requests } = scheduler([100, 100])
    requests.ask(0)
    const start = state.nowUs
    while (requests.dueUs(state.nowUs) === 0) requests.run(false)
    expect(state.nowUs - start).toBeGreaterThanOrEqual(PORT_BURST_US)
    expect(state.nowUs - start).toBeLessThan(2 * PORT_BURST_US)
    expect(requests.run(false)).toBe(0)
    requests.ask(1)
    state.left[1] = 1
    expect(requests.run(false)).toBe(1)
    expect(state.served[1]).toBe(1)
    state.nowUs += requests.dueUs(state.nowUs)
    expect(requests.dueUs(state.nowUs)).toBe(0)
    expect(requests.run(false)).toBeGreaterThan(0)
  })

  it('a port that costs its whole share for long gets that share', () => {
    const { state, requests } = scheduler([70])
    requests.ask(0)
    const start = state.nowUs
    while (state.nowUs - start < 10e6) {
      if (requests.dueUs(state.nowUs) > 0) state.nowUs += requests.dueUs(state.nowUs)
      requests.run(false)
    }
    expect(((state.served[0] as number) * 70) / (state.nowUs - start)).toBeCloseTo(0.25, 1)
  })

  it('forget drops what a port that goes has asked for', () => {
    const { state, requests } = scheduler([10])
    requests.ask(0)
    requests.forget(0)
    expect(requests.run(false)).toBe(0)
    expect(state.served).toEqual([0])
  })
})
