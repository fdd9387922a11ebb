/** What changed, or would, in words; and the options of commands that change something. */
import type { Command } from 'commander'
import type { Changes } from '../daemon/api/schemas.js'
import { print, printJson } from './output.js'

export interface ChangeOptions {
  readonly dryRun?: boolean
  readonly persist?: boolean
}

/** Adds --dry-run and --persist. */
export function withChange(command: Command): Command {
  return command
    .option('--dry-run', 'tell what would change, and do nothing')
    .option('--persist', 'write it into the file that the switch was started with, too; comments stay')
}

/** The query of a change. */
export function changeQueryOf({ dryRun, persist }: ChangeOptions): { dryRun?: boolean; persist?: boolean } {
  return { ...(dryRun ? { dryRun } : {}), ...(persist ? { persist } : {}) }
}

type Change = Changes['changes'][number]

const WORDS: Readonly<Record<Change['change'], string>> = {
  added: 'added',
  removed: 'removed; its guest is cut off',
  replaced: 'removed and added again; its guest is cut off and must attach anew',
  changed: 'changed in place',
  'needs-restart': 'changes with the next start of the switch',
}

const valueText = (value: unknown): string =>
  value === null ? 'not set' : typeof value === 'string' ? value : JSON.stringify(value)

/** Changes in lines: "g1: changed in place", and below each setting what it was and what it is. */
export function changesText({ changes, dryRun, persisted }: Changes): string {
  const lines = changes.flatMap(({ subject, change, settings }) => [
    `${subject}: ${WORDS[change]}`,
    ...settings.map(
      ({ setting, before, after }) => `  ${setting}: ${valueText(before)} -> ${valueText(after)}`,
    ),
  ])
  return [
    ...(lines.length === 0 ? ['nothing differs: it is so already'] : lines),
    ...(dryRun && lines.length > 0 ? ['nothing was done'] : []),
    ...(persisted ? ['written into the file'] : []),
  ].join('\n')
}

export function printChanges(changes: Changes, { json }: { readonly json?: boolean }): void {
  if (json) printJson(changes)
  else print(changesText(changes))
}
