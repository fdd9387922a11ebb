import { z } from 'zod'
import { GuestProgram } from './program.js'
import type { HogReport, HogSettings } from './programs/hog.js'
import type { PreparedWorkload, Workload, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({
  threads: z.int().min(1).max(64).default(1).meta({ description: 'That compute' }),
})
export type CpuHogSettings = z.infer<typeof settingsSchema>

async function prepare(site: WorkloadSite, settings: CpuHogSettings): Promise<PreparedWorkload> {
  const hogging: HogSettings = settings
  const program = await GuestProgram.start(site.vm, String(site.slot), 'hog', hogging)
  return {
    run: async (window) => {
      const { iterations, seconds } = await program.measure<HogReport>(window)
      const loop = `Node ${process.version}, 1000 steps an iteration`
      return {
        metrics: { iterationsPerS: iterations / seconds },
        ran: { loop, threads: settings.threads },
      }
    },
    close: () => program.stop(),
  }
}

/** Takes all the processor time it gets. */
export const cpuHog: Workload<CpuHogSettings> = {
  name: 'cpu-hog',
  description: 'A busy loop in the VM that counts its turns.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: false,
  primary: 'iterationsPerS',
  gives: ['iterationsPerS'],
  draws: [],
  prepare,
}
