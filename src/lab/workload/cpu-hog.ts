import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import { GuestProgram } from './program.js'
import type { HogReport, HogSettings } from './programs/hog.js'
import { runCommand } from './server.js'
import type { PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

const settingsSchema = z.strictObject({
  threads: z.int().min(1).max(64).default(1).meta({ description: 'That compute' }),
})
export type CpuHogSettings = z.infer<typeof settingsSchema>

/**
 * The loop for a VM that has only a shell: counts turns between two times of its own clock (/proc/uptime, in
 * hundredths of a second) and prints turns and hundredths.
 */
export function shellHog(warmUpS: number, measureS: number): string {
  const hundredths = (seconds: number): number => Math.round(seconds * 100)
  return [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own
    'now() { read -r up rest </proc/uptime; up=${up%.*}${up#*.}; }',
    'turn() { i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; }',
    `now; begin=$((up+${hundredths(warmUpS)})); end=$((begin+${hundredths(measureS)}))`,
    'while now; [ $up -lt $begin ]; do turn; done',
    'n=0; first=$up; while now; [ $up -lt $end ]; do turn; n=$((n+200)); done',
    'echo $n $((up-first))',
  ].join('\n')
}

/** Reads what the shell loop printed. Throws GUEST. */
export function parseShellHog(text: string, where: string): HogReport {
  const match = /^(\d+) (\d+)\s*$/.exec(text)
  const seconds = Number(match?.[2]) / 100
  if (!match || !(seconds > 0))
    throw new RingferryError('GUEST', `${where}: the counting loop printed "${text.trim()}"`)
  return { iterations: Number(match[1]), seconds }
}

function result(reports: readonly HogReport[], loop: string, threads: number): WorkloadResult {
  const iterationsPerS = reports.reduce((sum, { iterations, seconds }) => sum + iterations / seconds, 0)
  return { metrics: { iterationsPerS }, ran: { loop, threads } }
}

/** A shell loop for each thread: nothing to prepare. */
function prepareShell({ vm }: WorkloadSite, { threads }: CpuHogSettings): PreparedWorkload {
  return {
    run: async ({ warmUpS, measureS, signal }) => {
      const command = shellHog(warmUpS, measureS)
      const timeoutMs = (warmUpS + measureS + 60) * 1000
      const texts = await Promise.all(
        Array.from({ length: threads }, () => runCommand(vm, command, signal, timeoutMs)),
      )
      return result(
        texts.map((text) => parseShellHog(text, `VM ${vm.name}`)),
        'shell, one step an iteration',
        threads,
      )
    },
    close: async () => {},
  }
}

async function prepare(site: WorkloadSite, settings: CpuHogSettings): Promise<PreparedWorkload> {
  if (site.vm.kind === 'qemu') return prepareShell(site, settings)
  const hogging: HogSettings = settings
  const program = await GuestProgram.start(site.vm, String(site.slot), 'hog', hogging)
  return {
    run: async (window) =>
      result(
        [await program.measure<HogReport>(window)],
        `Node ${process.version}, 1000 steps an iteration`,
        settings.threads,
      ),
    close: () => program.stop(),
  }
}

/** Takes all the processor time it gets. Iterations of qemu VMs (a shell's) and of others (Node's) do not compare. */
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
