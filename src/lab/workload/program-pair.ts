/** A server and the client that is measured, each a program of ours in a VM of its own. */
import type { BedVm } from '../bed/bed.js'
import { GuestProgram, needNode, type ProgramName } from './program.js'
import type { LoadWindow, PreparedWorkload, WorkloadResult } from './workload.js'

interface ProgramUse {
  readonly vm: BedVm
  readonly name: ProgramName
  readonly settings: object
}

export interface ProgramPair {
  readonly slot: number
  readonly server: ProgramUse
  readonly client: ProgramUse
}

/** A workload of a server and a client that is measured. Throws as `GuestProgram.start`; nothing is left then. */
export async function preparePair<Report>(
  { slot, server, client }: ProgramPair,
  resultOf: (report: Report, window: LoadWindow) => WorkloadResult,
): Promise<PreparedWorkload> {
  needNode(`the program ${client.name}`, client.vm)
  const serving = await GuestProgram.start(server.vm, slot, server.name, server.settings)
  let asking: GuestProgram
  try {
    asking = await GuestProgram.start(client.vm, slot, client.name, client.settings)
  } catch (error) {
    await serving.stop()
    throw error
  }
  return {
    run: async (window) => resultOf(await asking.measure<Report>(window, serving), window),
    close: async () => {
      await asking.stop()
      await serving.stop()
    },
  }
}
