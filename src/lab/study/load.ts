/** Studies: those that ship with the program, and files of users. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check, firstMistake } from '../../config/schema-check.js'
import { readTextFile } from '../../config/text-file.js'
import { type Path, parsePlaced } from '../../config/yaml-place.js'
import { RingferryError } from '../../errors/errors.js'
import { didYouMean } from '../../errors/suggestion.js'
import { type Study, studySchema } from './study.js'

export interface LoadedStudy {
  readonly study: Study
  /** The file that it came from. */
  readonly file: string
  /** "file:line:column" of a path inside the study, for errors found later. */
  at(path: Path): string
}

/** At the top of the project, seen alike from src/ and dist/. */
const SHIPPED = fileURLToPath(new URL('../../../studies/', import.meta.url))
const NAME = /^[a-z0-9-]+$/

/** Reads a study from YAML text. Throws CONFIG with file, line and column. */
export function parseStudy(text: string, file: string): LoadedStudy {
  const { data, at } = parsePlaced(text, file)
  const { value, mistakes } = check(studySchema, data, 'the study')
  if (mistakes) {
    const [{ path, key }] = mistakes
    throw new RingferryError('CONFIG', `${at(path, key)}: ${firstMistake(mistakes, 'the study')}`)
  }
  return { study: value, file, at }
}

function readStudyFile(file: string): LoadedStudy {
  return parseStudy(readTextFile(file, 'study file'), file)
}

function shippedNames(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => /^[a-z0-9-]+\.yaml$/.test(file))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort()
}

/** All studies that ship with the program, by name. */
export function listStudies(): LoadedStudy[] {
  return shippedNames().map((name) => readStudyFile(join(SHIPPED, `${name}.yaml`)))
}

/**
 * A study by the name it ships under, or from a YAML file. A shipped study may have a form of its own for a kind
 * of guests (NAME.KIND.yaml). Throws NOT_FOUND, PERMISSION, CONFIG (with file, line and column).
 * @param guests the kind of guests that it will run with, when that is known
 */
export function loadStudy(nameOrPath: string, guests?: string): LoadedStudy {
  if (NAME.test(nameOrPath)) {
    const special = guests === undefined ? undefined : join(SHIPPED, `${nameOrPath}.${guests}.yaml`)
    if (special !== undefined && existsSync(special)) return readStudyFile(special)
    const general = join(SHIPPED, `${nameOrPath}.yaml`)
    if (existsSync(general)) return readStudyFile(general)
    if (!existsSync(nameOrPath)) {
      const names = shippedNames()
      throw new RingferryError(
        'NOT_FOUND',
        `there is no study "${nameOrPath}"${didYouMean(nameOrPath, names)}; shipped: ${names.join(', ')}; or give a YAML file`,
      )
    }
  }
  return readStudyFile(nameOrPath)
}
