import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseExposition } from '../../../test/support/exposition.js'
import { COUNTER_NAMES } from '../../core/counters.js'
import { EmbeddedGuest } from '../../embedded/guest.js'
import { Switch } from '../../engine/switch.js'
import { Daemon } from '../daemon.js'
import { FAMILIES, Metrics } from './metrics.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-metrics-'))
let running: Switch
let daemon: Daemon

beforeAll(async () => {
  running = await Switch.start({ memoryBytes: 64 * 2 ** 20 })
  await running.addPort({ kind: 'vif', name: 'g1', socket: join(folder, 'g1.sock') })
  await running.addPort({ kind: 'stream', name: 'host "a"', socket: join(folder, 's.sock') })
  daemon = new Daemon(running)
})
afterAll(async () => {
  await daemon.close()
  await running.stop()
  rmSync(folder, { recursive: true })
})

describe('Metrics', () => {
  it('makes a text that strict readers take', async () => {
    const text = await new Metrics(daemon).text()
    expect(parseExposition(text).size).toBe(FAMILIES.length)
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    if (promtool.error)
      console.log('promtool is not installed: the text was held against our own reader only')
    else expect(promtool.stderr + promtool.stdout).toBe('')
  })

  it('says of each port what it is and counts, and delays only of those with a guest', async () => {
    const families = parseExposition(await new Metrics(daemon).text())
    const of = (name: string, labels: Record<string, string>) =>
      families.get(name)?.samples.filter((sample) => {
        return Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
      })
    expect(of('ringferry_port_state', { port: 'g1', state: 'waiting' })).toMatchObject([{ value: 1 }])
    expect(of('ringferry_port_info', { kind: 'stream' })).toMatchObject([{ value: 1 }])
    expect(of('ringferry_port_delay_seconds', { port: 'g1', le: '+Inf' })).toMatchObject([{ value: 0 }])
    const withDelays = families.get('ringferry_port_delay_seconds')?.samples.map(({ labels }) => labels.port)
    expect(new Set(withDelays)).toEqual(new Set(['g1']))
    expect(of('ringferry_target_state', { port: 'g1' })).toHaveLength(4)
    expect(of('ringferry_ports', {})).toMatchObject([{ value: 2 }])
  })

  it('counts frames and their delays once they have crossed', async () => {
    await running.addPort({ kind: 'vif', name: 'g2', socket: join(folder, 'g2.sock') })
    const [sender, receiver] = [join(folder, 'g1.sock'), join(folder, 'g2.sock')].map(
      (socket) => new EmbeddedGuest(socket),
    ) as [EmbeddedGuest, EmbeddedGuest]
    const frame = Uint8Array.from(
      { length: 60 },
      (_, at) => [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5][at] ?? 0,
    )
    const metrics = new Metrics(daemon)
    await metrics.text()
    for (let sent = 0; sent < 10; sent++) sender.driver.send(frame)
    for (let arrived = 0; arrived < 10; ) {
      if (receiver.driver.receive()) arrived++
      else await new Promise((resolve) => setTimeout(resolve, 1))
    }
    // A guest may see frames before they are counted; the engine answers between bursts.
    await running.refresh()
    const text = await metrics.text()
    sender.close()
    receiver.close()
    await running.removePort('g2')
    parseExposition(text)
    expect(text).toContain('ringferry_port_frames_total{port="g1",direction="ingress"} 10\n')
    expect(text).toContain('ringferry_port_frames_total{port="g2",direction="egress"} 10\n')
    for (const part of ['delay', 'queue', 'hold'])
      expect(text).toContain(`ringferry_port_${part}_seconds_count{port="g2"} 10\n`)
    expect(await metrics.text()).not.toContain('"g2"')
  })

  it('tells every counter that there is', () => {
    const names = FAMILIES.map(({ name }) => name)
    const told = (counter: string): boolean =>
      names.includes(
        `ringferry_port_${counter.replace(/^(in|e)gress_(frames|bytes|gso_frames)$/, '$2')}_total`,
      )
    expect(COUNTER_NAMES.filter((counter) => !told(counter))).toEqual([])
  })

  it('has no counter that goes back between scrapes', async () => {
    const metrics = new Metrics(daemon)
    const [before, after] = [parseExposition(await metrics.text()), parseExposition(await metrics.text())]
    for (const { name, type, samples } of before.values())
      if (type === 'counter')
        for (const [at, sample] of samples.entries())
          expect(after.get(name)?.samples[at]?.value).toBeGreaterThanOrEqual(sample.value)
  })
})
