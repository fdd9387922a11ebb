import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, cleanUp, type Guest } from '../../src/lab/guest/guest.js'
import { KeptService } from '../support/kept-service.js'
import { EndlessStream } from './support/endless-stream.js'
import { able } from './support/network.js'
import { IPERF_PORT, listening, must, pingLoss } from './support/traffic.js'

const NAMES = ['a', 'b'] as const

// A kernel of User-Mode Linux never connects again; QEMU is not told to.
for (const kind of ['uml', 'qemu'] as const)
  describe.runIf(able(kind, 'iperf3'))(`two ${kind} guests that do not connect again`, () => {
    const service = new KeptService()
    let a: Guest
    let b: Guest

    beforeAll(async () => {
      await service.start(NAMES)
      const boot = (name: 'a' | 'b', host: number): Promise<Guest> =>
        bootGuest({
          name: `kept-${name}`,
          kind,
          nics: [
            { transport: { type: 'vhost-user', path: service.path(name) }, address: `10.98.0.${host}/24` },
          ],
        })
      ;[a, b] = await Promise.all([boot('a', 1), boot('b', 2)])
    }, 90_000)
    afterAll(async () => {
      await cleanUp()
      await service.close()
    })

    async function again(signal: NodeJS.Signals): Promise<void> {
      await service.hasKept(NAMES.length)
      await service.end(signal)
      await service.start(NAMES)
      await service.hasTakenUp(NAMES.length)
    }

    it('keep a TCP connection when the switch is killed and started again by a manager that keeps their sockets', async () => {
      expect(await pingLoss(a, '10.98.0.2', { count: 3 })).toBe(0)
      const stream = await EndlessStream.start(a, b, '10.98.0.2')
      const server = b.start(`iperf3 -s -1 -p ${IPERF_PORT}`)
      await must(b, listening(IPERF_PORT))
      const client = a.start(`iperf3 -J -c 10.98.0.2 -p ${IPERF_PORT} -t 6`, { timeoutMs: 60_000 })
      for (let kills = 0; kills < 2; kills++) {
        await stream.flows()
        await again('SIGKILL')
      }
      await stream.flows()
      const { code, stdout } = await client.done
      expect(code).toBe(0)
      expect((JSON.parse(stdout) as { error?: string }).error).toBeUndefined()
      await stream.finish()
      await server.done
    }, 60_000)

    it('keep their network when the switch is restarted in order', async () => {
      await again('SIGTERM')
      expect(await pingLoss(b, '10.98.0.1', { count: 5 })).toBe(0)
    }, 60_000)
  })
