/**
 * Live migration of a VM as its neighbours on the network see it: pre-copy rounds of bulk transfer, then a stop phase
 * (model and source: programs/migration-rounds.ts; Clark et al., NSDI 2005). The measured VM is what moves
 * away, so it sends; its peer is the other machine. No VM really moves: the memory image is a buffer, and the
 * dirty pages are arithmetic on the measured length of each round, so the line decides how many rounds it takes.
 *
 * Migrations follow one another until the window is over; the figures are medians of those that began in it. When
 * not even the first ends within the window it is carried to its end (`ran.overrunS` says by how much): then the
 * last part ran without the other loads of its cell. Choose memoryMb so that this does not happen.
 */
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import { median } from '../../stats/summary.js'
import { needNode, peerOf } from './program.js'
import { preparePair } from './program-pair.js'
import { planMigration } from './programs/migration-rounds.js'
import type { MigrationReport, MigrationSourceSettings } from './programs/migration-source.js'
import type { MigrationTargetSettings } from './programs/migration-target.js'
import { firstAddress, portOf } from './server.js'
import type { PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const MB = 1 << 20

const settingsSchema = z.strictObject({
  memoryMb: z.int().min(1).max(4096).default(64).meta({ description: 'The memory image' }),
  dirtyMbps: z.number().min(0).default(100).meta({ description: 'What the VM writes while it runs, Mb/s' }),
  workingSetShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .meta({ description: 'Part of memory that it ever writes' }),
  downtimeLimitMs: z
    .number()
    .positive()
    .default(50)
    .meta({ description: 'The VM is halted when the rest takes no longer' }),
  maxRounds: z.int().min(1).max(100).default(8).meta({ description: 'Then it is halted anyway' }),
})
export type MigrationSettings = z.infer<typeof settingsSchema>

/** Settings in the units of the model: bytes, seconds. */
function modelOf(settings: MigrationSettings): Omit<MigrationSourceSettings, 'address' | 'port'> {
  return {
    memoryBytes: settings.memoryMb * MB,
    dirtyBytesPerS: (settings.dirtyMbps * 1e6) / 8,
    workingSetShare: settings.workingSetShare,
    downtimeLimitS: settings.downtimeLimitMs / 1000,
    maxRounds: settings.maxRounds,
  }
}

/** Medians over migrations. Throws GUEST when there was none. */
export function migrationResult(report: MigrationReport, settings: MigrationSettings): WorkloadResult {
  const { migrations, overrunS } = report
  if (migrations.length === 0)
    throw new RingferryError('GUEST', 'migration: none was finished in the window; lower memoryMb')
  const middle = (of: (migration: (typeof migrations)[number]) => number): number =>
    median(migrations.map(of))
  const bytesPerS = middle(({ sentBytes, totalS }) => sentBytes / totalS)
  const model = modelOf(settings)
  const plan = planMigration(model, model, bytesPerS)
  return {
    metrics: {
      migrationS: middle(({ totalS }) => totalS),
      downtimeMs: middle(({ downtimeS }) => downtimeS * 1000),
      mbps: (bytesPerS * 8) / 1e6,
    },
    series: {
      migrationS: migrations.map(({ endS, totalS }) => [endS, totalS] as const),
      downtimeMs: migrations.map(({ endS, downtimeS }) => [endS, downtimeS * 1000] as const),
    },
    ran: {
      program: `own, Node ${process.version}`,
      migrations: migrations.length,
      rounds: middle(({ rounds }) => rounds),
      overrunS,
      /** The same on a line of constant speed, the median one. */
      plan: { rounds: plan.rounds, migrationS: plan.totalS, downtimeMs: plan.downtimeS * 1000 },
    },
  }
}

async function prepare(site: WorkloadSite, settings: MigrationSettings): Promise<PreparedWorkload> {
  const peer = peerOf('migration', site)
  needNode('migration', site.vm, peer)
  const target: MigrationTargetSettings = { address: firstAddress(peer), port: portOf(site.slot) }
  const source: MigrationSourceSettings = { ...modelOf(settings), ...target }
  return preparePair<MigrationReport>(
    {
      slot: site.slot,
      server: { vm: peer, name: 'migration-target', settings: target },
      client: { vm: site.vm, name: 'migration-source', settings: source },
    },
    (report) => migrationResult(report, settings),
  )
}

/** The VM moves away to the peer, again and again. */
export const migrationWorkload: Workload<MigrationSettings> = {
  name: 'migration',
  description: 'Pre-copy live migration of the VM to the peer: rounds of bulk transfer, then a stop phase.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'migrationS',
  gives: ['migrationS', 'downtimeMs', 'mbps'],
  draws: ['migrationS', 'downtimeMs'],
  prepare,
}
