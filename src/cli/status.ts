import type { Command } from 'commander'
import { getStatus, type Status } from '../daemon/api/routes/status.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { print, printJson } from './output.js'

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400
const MB = 1024 * 1024

/** "3 d 4 h", "5 min 2 s": the two largest units. */
export function spanText(seconds: number): string {
  const units = [
    [DAY_S, 'd'],
    [HOUR_S, 'h'],
    [MINUTE_S, 'min'],
    [1, 's'],
  ] as const
  let rest = Math.floor(seconds)
  const parts = units.flatMap(([size, unit]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? [] : [`${count} ${unit}`]
  })
  return parts.slice(0, 2).join(' ') || '0 s'
}

function targetsText({ met, missed, noLoad, notHeld }: Status['targets']): string {
  const parts = [
    ...(notHeld > 0 ? [`${notHeld} not held by the policy`] : []),
    ...(met + missed + noLoad > 0 || notHeld === 0
      ? [`${met} met, ${missed} missed, ${noLoad} without load`]
      : []),
  ]
  return `${parts.join('; ')}${missed > 0 ? ' (ringferry tune show says why)' : ''}`
}

/** The status in lines. */
export function statusText(status: Status): string {
  return [
    `ringferry ${status.version}, process ${status.pid}, runs for ${spanText(status.uptimeS)}`,
    ...(status.drained ? ['drained    takes no frames until ringferry resume, or a restart'] : []),
    `ports      ${status.portsUp} of ${status.ports} up; ${status.addresses} addresses`,
    `policy     ${status.policy}, budget ${status.budget} of a core`,
    `targets    ${targetsText(status.targets)}`,
    `engine     ${status.engineCpuS.toFixed(1)} s of processor time, ${Math.floor(status.freeBytes / MB)} MB free`,
    `file       ${status.configFile ?? 'none: started from the command line'}`,
  ].join('\n')
}

export function addStatus(program: Command): void {
  withControl(program.command('status').description('what the running switch does, in a few lines'), [
    'status',
    'status --json',
  ]).action(async (options: ControlOptions) => {
    const status = await clientOf(options).call(getStatus)
    if (options.json) printJson(status)
    else print(statusText(status))
  })
}
