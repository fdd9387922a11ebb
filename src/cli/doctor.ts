import type { Command } from 'commander'
import { type Check, chooseGuestKind, examine, type GuestChoice } from '../lab/machine/doctor.js'
import { describeMachine } from '../lab/machine/machine.js'
import { formatTable, print, printJson } from './output.js'

/** The findings as a table, what to do for more, and the kind of guests that studies use. */
export function doctorReport(checks: readonly Check[], choice: GuestChoice): string {
  const rows = checks.map((check) => [check.ok ? 'ok' : '-', check.name, check.found, check.need])
  const remedies = checks.filter((check) => check.remedy !== '')
  const advice = remedies.map((check) => [`  ${check.name}:`, check.remedy])
  return [
    formatTable(['', 'what', 'found', 'for'], rows),
    ...(advice.length > 0 ? ['', formatTable(['What to do for more:', ''], advice)] : []),
    '',
    `Guests of studies: ${choice.kind} (${choice.reason})`,
  ].join('\n')
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what this machine can do, and what to install for more')
    .option('--json', 'findings, choice of guests and description of the machine as JSON')
    .addHelpText(
      'after',
      `
Examples:
  ringferry doctor
  ringferry doctor --json`,
    )
    .action(({ json }: { json?: boolean }) => {
      const checks = examine()
      const guests = chooseGuestKind()
      if (json) printJson({ guests, checks, machine: describeMachine() })
      else print(doctorReport(checks, guests))
    })
}
