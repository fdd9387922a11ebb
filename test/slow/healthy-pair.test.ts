import { describe, expect, it } from 'vitest'
import { BesideHealthyPair, UNHARMED } from '../support/healthy-pair.js'

/** Many times what makes a frame late, and what the pair needs to send some more on a busy machine. */
const LOOK_MS = 1000

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('BesideHealthyPair', () => {
  it('end reports nothing lost or late when nobody attacks', async () => {
    const site = await BesideHealthyPair.start(['other'])
    await pause(LOOK_MS)
    expect(await site.end()).toEqual(UNHARMED)
  })

  it('end reports the frames that a stopped switch delays, and a switch that was killed', async () => {
    const site = await BesideHealthyPair.start([])
    site.switch.cli.kill('SIGSTOP')
    await pause(LOOK_MS)
    site.switch.cli.kill('SIGCONT')
    await pause(LOOK_MS)
    site.switch.cli.kill('SIGKILL')
    await pause(LOOK_MS)
    const outcome = await site.end()
    expect(outcome).toMatchObject({ exitCode: -1, socketsLeft: true })
    expect(outcome.late).not.toEqual([])
    expect(outcome.lost).toBeGreaterThan(0)
  })
})
