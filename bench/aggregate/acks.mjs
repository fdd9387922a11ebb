// What thinning pure acknowledgements changes: bulk TCP between two User-Mode Linux guests, one pair on a switch that
// delivers all of them, one pair on a switch that delivers the last of those that come together.
import { isEnding, sleep } from '../lib/cleanup.mjs'
import { apply, oneOfEach } from '../lib/policies.mjs'
import { progress, ratio, short, shown, summarise, table } from '../lib/report.mjs'
import { startRingferry } from '../lib/switches.mjs'
import { bootGuests, startServer, tcp } from '../lib/uml-guests.mjs'
import { measureWindow } from '../lib/window.mjs'

const SETTLE_MS = 200
/** The sender is the first guest: acknowledgements go to its port. */
const SENDER = 'g0'

async function place(thinAcks, { targetUs, spinUs }) {
  const vifs = [0, 1].map(() => ({ targetUs, thinAcks }))
  const running = await startRingferry({ vifs, options: { spinUs }, name: thinAcks ? 'thinned' : 'all' })
  const ends = await bootGuests(
    thinAcks ? 'at' : 'aa',
    thinAcks ? 123 : 122,
    running.sockets.map((path) => ({ type: 'vhost-user', path })),
  )
  await startServer(ends[1])
  await tcp(...ends, 1)
  return { name: thinAcks ? 'thinned' : 'all', running, ends }
}

export async function runAcks(settings) {
  const { policies, rounds, ms } = settings
  progress('booting four guests')
  const places = [await place(false, settings), await place(true, settings)]
  const seconds = Math.max(1, Math.round((ms * 2) / 1000))
  const runs = []
  for (let round = 0; round < rounds; round++)
    for (const chosen of oneOfEach(policies))
      for (let turn = 0; turn < places.length && !isEnding(); turn++) {
        const { name, running, ends } = places[(turn + round) % places.length]
        progress(`acks, round ${round + 1} of ${rounds}, ${chosen.label}, ${name}`)
        await apply(running, chosen)
        await sleep(SETTLE_MS)
        const guestSeconds = () => ends.reduce((sum, { guest }) => sum + guest.cpuSeconds(), 0)
        const [cpu, before] = [guestSeconds(), await running.snapshot()]
        const {
          value,
          cpuShare,
          seconds: took,
        } = await measureWindow(running, [SENDER], 0, () => tcp(...ends, seconds))
        const after = await running.snapshot()
        const counted = (counter) =>
          after.ports[SENDER].counts[counter] - before.ports[SENDER].counts[counter]
        const gigabytes = value.bytes / 1e9
        runs.push({
          ...{ round, label: chosen.label, acks: name, mbps: value.mbps },
          acksPerMb: counted('to_vm_frames') / (value.bytes / 1e6),
          thinnedPerMb: counted('thinned_acks') / (value.bytes / 1e6),
          switchPerGb: (cpuShare * took) / gigabytes,
          guestsPerGb: (guestSeconds() - cpu) / gigabytes,
        })
      }
  for (const { ends, running } of places) {
    for (const { guest } of ends) await guest.stop()
    await running.stop()
  }
  return runs
}

export function reportAcks(runs) {
  console.log('\nbulk TCP, acknowledgements to the sender delivered one by one or thinned')
  const names = ['mbps', 'acksPerMb', 'thinnedPerMb', 'switchPerGb', 'guestsPerGb']
  const summary = []
  const rows = []
  for (const label of new Set(runs.map((run) => run.label))) {
    const figures = (acks, name) =>
      runs
        .filter((run) => run.label === label && run.acks === acks)
        .sort((a, b) => a.round - b.round)
        .map((run) => run[name])
    for (const acks of ['all', 'thinned']) {
      const row = { label, acks }
      for (const name of names) row[name] = summarise(figures(acks, name))
      row.overAll = ratio(figures(acks, 'mbps'), figures('all', 'mbps'))
      summary.push(row)
      rows.push([
        ...[label, acks, shown(row.mbps), shown(row.overAll)],
        ...names.slice(1).map((name) => short(row[name].estimate)),
      ])
    }
  }
  table(
    [
      'policy',
      'acks',
      'Mb/s',
      '/ all',
      'frames to sender per MB',
      'thinned per MB',
      'switch s/GB',
      'guests s/GB',
    ],
    rows,
  )
  return summary
}
