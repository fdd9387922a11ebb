import { RingferryError } from './errors.js'

/** "ports[0].macs": a path in the settings as people write it. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

/** A setting: whose, and where among the owner's. */
export interface SettingPlace {
  /** How errors call the owner, for example "port web". */
  readonly owner: string
  readonly path: readonly PropertyKey[]
}

/** A place within a setting. */
export function within({ owner, path }: SettingPlace, ...more: readonly PropertyKey[]): SettingPlace {
  return { owner, path: [...path, ...more] }
}

/** A setting that is not valid: "port web: macs[0] is ...". Who knows the file adds line and column by `path`. */
export class SettingError extends RingferryError {
  readonly path: readonly PropertyKey[]
  /** What is wrong and what to do, to follow the setting's name: `is "x"; write ...`. */
  readonly problem: string

  constructor({ owner, path }: SettingPlace, problem: string) {
    super('CONFIG', `${owner}: ${pathText(path)} ${problem}`)
    this.path = path
    this.problem = problem
  }
}

/** Throws a SettingError unless the value is a whole number in the range, or left out. */
export function checkWhole(value: number | undefined, min: number, max: number, where: SettingPlace): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new SettingError(where, `is ${value}; it must be a whole number from ${min} to ${max}`)
}
