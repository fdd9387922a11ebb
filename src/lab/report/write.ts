/** Reports as files beside a run. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { RingferryError } from '../../errors/errors.js'
import { ringferryVersion } from '../../sys/version.js'
import { readRun } from '../run/store.js'
import { studySchema } from '../study/study.js'
import { renderHtml } from './html.js'
import { renderJson } from './json.js'
import { pictureFile, renderMarkdown } from './markdown.js'
import { buildReport, type Report, type ReportOptions } from './report.js'

const PICTURES = 'report'

export interface WrittenReport {
  readonly report: Report
  /** Absolute paths. */
  readonly html: string
  readonly markdown: string
  readonly json: string
  /** Of a representative study: where its choice lies, for the study colocation. */
  readonly chosen?: string
}

/** A picture that stands alone has light colours: on a dark page it brings its own white. */
export const standalone = (svg: string): string =>
  `${svg.replace('>', '><style>svg{background:#fff}</style>')}\n`

/** A file is there whole or not at all. */
function writeWhole(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(fresh, text)
    renameSync(fresh, file)
  } catch (cause) {
    rmSync(fresh, { force: true })
    const { code } = cause as NodeJS.ErrnoException
    throw new RingferryError(
      'PERMISSION',
      `${file}: cannot be written (${code}); choose another folder with --out`,
      { cause },
    )
  }
}

/**
 * Writes report.html, report.md with its pictures in report/, report.json, and chosen.json for a study that chooses
 * representatives (then also into the run's own folder, where --loads-from looks for it).
 * Throws NOT_FOUND, CONFIG (a run that cannot be read), PERMISSION.
 * @param outFolder made when it is not there; the run's folder when left out
 */
export function writeReport(
  runFolder: string,
  outFolder = runFolder,
  options: ReportOptions = {},
): WrittenReport {
  const { header, records } = readRun(runFolder)
  const parsed = studySchema.safeParse(header.study)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new RingferryError(
      'CONFIG',
      `${runFolder}: the study in the run's header is not valid (${issue?.path.join('.')}: ${issue?.message}); it was measured by another version, use that one`,
      { cause: parsed.error },
    )
  }
  const report = buildReport([header, ...records], parsed.data, { version: ringferryVersion(), ...options })
  const out = resolve(outFolder)
  const files = {
    html: join(out, 'report.html'),
    markdown: join(out, 'report.md'),
    json: join(out, 'report.json'),
  }
  for (const { id, pictures } of report.figures)
    pictures.forEach(({ svg }, at) => {
      writeWhole(join(out, PICTURES, pictureFile(at === 0 ? id : `${id}-${at + 1}`)), standalone(svg))
    })
  writeWhole(files.html, renderHtml(report))
  writeWhole(files.markdown, renderMarkdown(report, PICTURES))
  writeWhole(files.json, renderJson(report))
  if (Object.keys(report.chosen).length === 0) return { report, ...files }
  const chosen = join(out, 'chosen.json')
  const text = `${JSON.stringify({ loads: report.chosen }, undefined, 2)}\n`
  for (const file of new Set([chosen, resolve(runFolder, 'chosen.json')])) writeWhole(file, text)
  return { report, ...files, chosen }
}
