import { afterEach, describe, expect, it } from 'vitest'
import { attach, broadcast, cleanUp, frame, newEngine } from '../../test/support/switch.js'
import { readFdb } from './fdb.js'

afterEach(cleanUp)

describe('readFdb', () => {
  it('readFdb lists where addresses were heard', () => {
    const engine = newEngine()
    const a = attach(engine, 'a')
    const b = attach(engine, 'b')
    expect(readFdb(engine.memory.u64)).toEqual([])
    a.driver.send(broadcast(1))
    b.driver.send(frame(1, 0x2a, 60))
    engine.step()
    const entries = readFdb(engine.memory.u64).sort((x, y) => x.port - y.port)
    expect(entries).toEqual([
      { mac: '02:00:00:00:00:01', vlan: 0, port: 0, ageS: 0 },
      { mac: '02:00:00:00:00:2a', vlan: 0, port: 1, ageS: 0 },
    ])
  })
})
