import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import { startAll } from './server.js'
import type { PreparedWorkload, Workload, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({})
export type IdleSettings = z.infer<typeof settingsSchema>

async function prepare({ vm }: WorkloadSite): Promise<PreparedWorkload> {
  // An embedded VM without a role is not attached; a sink that never spins is an idle guest's driver.
  const sinks =
    vm.kind === 'embedded'
      ? await startAll(vm.interfaces.map((_, nic) => vm.embed({ kind: 'sink' }, { nic, spinUs: 0 })))
      : []
  return {
    run: async ({ warmUpS, measureS, signal }) => {
      try {
        await sleep((warmUpS + measureS) * 1000, undefined, { signal })
      } catch (cause) {
        throw new RingferryError('INTERRUPTED', `VM ${vm.name}: idling was called off`, { cause })
      }
      if (!vm.alive) throw new RingferryError('GUEST', `VM ${vm.name} ended while it idled`)
      return { metrics: {} }
    },
    close: async () => {
      await Promise.all(sinks.map((sink) => sink.stop()))
    },
  }
}

/** Does nothing: what an idle VM costs is in the metrics of its cell. */
export const idle: Workload<IdleSettings> = {
  name: 'idle',
  description: 'Nothing at all: what a VM costs by being there (see the metrics of the cell).',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host', 'embedded', 'xen'],
  needsPeer: false,
  primary: 'hostCpu',
  gives: [],
  draws: [],
  prepare,
}
