/** Reports as files beside a run. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { RingferryError } from '../../errors/errors.js'
import { writeWhole } from '../../sys/output-file.js'
import { ringferryVersion } from '../../sys/version.js'
import { runCsv } from '../run/csv.js'
import { RUN_FILE, readRun, type StoredRun } from '../run/store.js'
import { studySchema } from '../study/study.js'
import { type Attachment, renderHtml } from './html.js'
import { renderJson } from './json.js'
import { renderMarkdown } from './markdown.js'
import { pictureFile, standalone } from './picture-file.js'
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

/** What a page carries for those who want to reckon for themselves. */
function rawData(run: StoredRun): Attachment[] {
  const lines = readFileSync(join(run.folder, RUN_FILE))
  return [
    { name: `${RUN_FILE}.gz`, type: 'application/gzip', data: gzipSync(lines), what: 'raw data' },
    { name: 'figures.csv', type: 'text/csv', data: Buffer.from(runCsv(run)), what: 'all figures as CSV' },
  ]
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
  const run = readRun(runFolder)
  const { header, records } = run
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
  writeWhole(files.html, renderHtml(report, rawData(run)))
  writeWhole(files.markdown, renderMarkdown(report, PICTURES))
  writeWhole(files.json, renderJson(report))
  if (Object.keys(report.chosen).length === 0) return { report, ...files }
  const chosen = join(out, 'chosen.json')
  const text = `${JSON.stringify({ loads: report.chosen }, undefined, 2)}\n`
  for (const file of new Set([chosen, resolve(runFolder, 'chosen.json')])) writeWhole(file, text)
  return { report, ...files, chosen }
}
