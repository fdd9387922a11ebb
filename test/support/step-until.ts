import { expect } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'

/** Bound of a wait for an event that must come: far beyond what a busy machine needs, so that only a hang meets it. */
export const EVENT_LIMIT_MS = 60_000

/** Steps an engine until something has happened. Throws with the ports' states when it never does. */
export function stepUntil(engine: Engine, hasHappened: () => boolean): void {
  const deadlineMs = performance.now() + EVENT_LIMIT_MS
  while (!hasHappened()) {
    if (performance.now() > deadlineMs)
      throw new Error(`it did not happen: ${JSON.stringify(engine.ports.map((port) => port.status()))}`)
    engine.step(1000)
  }
}

/** Steps until the engine's first port is in a state. */
export function stepUntilState(engine: Engine, state: string): void {
  stepUntil(engine, () => engine.ports[0]?.status().state === state)
}

/** Steps until the port named "port" is up. */
export function untilUp(engine: Engine): void {
  const port = engine.ports.find((candidate) => candidate.name === 'port')
  stepUntil(engine, () => port?.status().state === 'up')
}

/** Steps until the engine's first port has noticed that its peer went. */
export function untilDown(engine: Engine): void {
  stepUntil(engine, () => engine.ports[0]?.status().state !== 'up')
}

/** The same for what threads of guests do: between steps this thread takes its messages. Fails when it never happens. */
export async function turnUntil(engine: Engine, hasHappened: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + EVENT_LIMIT_MS
  while (!hasHappened() && performance.now() < deadlineMs) {
    engine.step(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(hasHappened()).toBe(true)
}
