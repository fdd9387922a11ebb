import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootGuest, type Guest } from '../../src/lab/guest/guest.js'
import { sessionProcesses } from '../../src/lab/guest/processes.js'
import { able, Network, until } from './support/network.js'
import { carryFile, iperf, listening, must, pingLoss, tcpBothWays } from './support/traffic.js'

const LOAD_PORT = 5202

/** Ends a guest at once, as when its hypervisor crashes. */
async function killGuest(guest: Guest): Promise<void> {
  process.kill(guest.pid, 'SIGKILL')
  await guest.ended
  await guest.stop()
}

/** What a guest leaves on the host when it is not cleaned up. */
function remains(guest: Guest): string[] {
  const processes = sessionProcesses(guest.pid).filter(({ state }) => state !== 'Z')
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`ringferry-${guest.name}-`))
  return [...processes.map(({ pid }) => `process ${pid}`), ...folders]
}

describe.runIf(able('uml', 'iperf3'))('uml guests that come and go', () => {
  let network: Network
  const paths = new Map<string, string>()
  const guests = new Map<string, Guest>()
  const the = (name: string) => guests.get(name) as Guest

  async function boot(name: string, host: number): Promise<Guest> {
    const transport = { type: 'vhost-user', path: paths.get(name) as string } as const
    const guest = await bootGuest({
      name: `life-${name}`,
      kind: 'uml',
      nics: [{ transport, address: `10.97.0.${host}/24` }],
    })
    guests.set(name, guest)
    return guest
  }

  beforeAll(async () => {
    network = await Network.start()
    for (const name of ['a', 'b', 'c']) paths.set(name, await network.vif(name))
    await Promise.all([boot('a', 1), boot('b', 2), boot('c', 3)])
  })
  afterAll(() => network?.stop())

  it('a guest that stops leaves its port to the next', async () => {
    expect(await pingLoss(the('a'), '10.97.0.3', { count: 3 })).toBe(0)
    await the('c').stop()
    await network.untilState('c', 'waiting')
    await boot('c', 4)
    expect(network.history('c')).toEqual([
      'attached',
      'link-up',
      'link-down',
      'detached',
      'attached',
      'link-up',
    ])
    const [status] = (await network.switch.refresh()).filter(({ name }) => name === 'c')
    expect(status).toMatchObject({ state: 'up', detachments: 0 })
    expect(await pingLoss(the('a'), '10.97.0.4', { count: 3 })).toBe(0)
    const { forth, back } = await tcpBothWays(the('a'), the('c'), '10.97.0.4')
    expect(Math.min(forth, back)).toBeGreaterThan(5)
  })

  it('guests killed under load disturb nobody and leave nothing', async () => {
    if (!the('c').alive) await boot('c', 3)
    for (let round = 0; round < 3; round++) {
      const host = 10 + round
      await must(the('c'), `ip addr add 10.97.0.${host}/24 dev eth0`)
      const others = iperf(the('a'), the('b'), '10.97.0.2', '-t 3')
      others.catch(() => {})
      const server = the('c').start(`iperf3 -s -1 -p ${LOAD_PORT}`)
      await must(the('c'), listening(LOAD_PORT))
      const load = the('b').start(
        `iperf3 -c 10.97.0.${host} -p ${LOAD_PORT} -t 20 ${['', '-R', '--bidir'][round]}`,
      )
      server.done.catch(() => {})
      load.done.catch(() => {})
      const before = network.counters('c').counts
      await until(
        'load on c',
        () => network.counters('c').counts.ingress_frames > before.ingress_frames + 200,
      )
      const killed = the('c')
      await killGuest(killed)
      expect(remains(killed)).toEqual([])
      await network.untilState('c', 'waiting')
      expect((await others).mbps).toBeGreaterThan(2)
      await load.stop()
      expect(network.switch.fdb().filter(({ port }) => port === 'c')).toEqual([])
      await boot('c', 3)
      expect(await pingLoss(the('b'), '10.97.0.3', { count: 3 })).toBe(0)
    }
    const { sent, received } = await carryFile(the('c'), the('a'), '10.97.0.1', 20)
    expect(received).toBe(sent)
    expect(network.brokenFrames()).toEqual([])
  })
})

describe.runIf(able('uml', 'qemu', 'iperf3'))('a qemu guest that reboots', () => {
  let network: Network
  let uml: Guest
  let qemu: Guest

  beforeAll(async () => {
    network = await Network.start()
    const boot = async (kind: 'uml' | 'qemu', host: number): Promise<Guest> => {
      const transport = { type: 'vhost-user', path: await network.vif(kind) } as const
      const nic = { transport, address: `10.98.8.${host}/24` }
      const more = kind === 'qemu' ? { extraArguments: ['-action', 'reboot=reset'] } : {}
      return bootGuest({ name: `reboot-${kind}`, kind, nics: [nic], ...more })
    }
    ;[uml, qemu] = await Promise.all([boot('uml', 1), boot('qemu', 2)])
  })
  afterAll(() => network?.stop())

  it('reaches others again, its driver started anew on the same connection', async () => {
    expect(await pingLoss(uml, '10.98.8.2', { count: 3 })).toBe(0)
    const before = network.history('qemu')
    qemu.start('busybox reboot -f').done.catch(() => {})
    await until('the driver starts anew', () => network.history('qemu').length >= before.length + 2, 60_000)
    expect(network.history('qemu').slice(before.length)).toEqual(['link-down', 'link-up'])
    // The agent has forgotten what was asked before; it answers what is asked from now on.
    await until(
      'the agent answers',
      () =>
        qemu.run('ip link set dev eth0 up', { timeoutMs: 2000 }).then(
          ({ code }) => code === 0,
          () => false,
        ),
      60_000,
    )
    await must(qemu, 'ip addr add 10.98.8.2/24 dev eth0 || ip addr show dev eth0 | grep -q 10.98.8.2')
    expect(await pingLoss(uml, '10.98.8.2', { count: 3 })).toBe(0)
    const { forth, back } = await tcpBothWays(uml, qemu, '10.98.8.2')
    expect(Math.min(forth, back)).toBeGreaterThan(5)
    const { sent, received } = await carryFile(qemu, uml, '10.98.8.1', 10)
    expect(received).toBe(sent)
    expect(network.brokenFrames()).toEqual([])
  })
})
