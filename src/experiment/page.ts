/** Reports of simulations: sections as a page, as Markdown with pictures beside it, and their figures as JSON. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { RingferryError } from '../errors/errors.js'
import { renderPage } from '../lab/report/html.js'
import { markdownPage } from '../lab/report/markdown.js'
import { pictureFile, standalone } from '../lab/report/picture-file.js'
import type { Section } from '../lab/report/sections.js'
import type { Chart } from '../plot/chart.js'
import { writeWhole } from '../sys/output-file.js'

const PICTURES = 'report'

export interface SimulationReport {
  readonly title: string
  readonly lead: string
  /** The command that makes it again. */
  readonly command: string
  readonly sections: readonly Section[]
  /** Goes into report.json. */
  readonly figures: object
}

/** A chart with its figures folded under it. */
export function pictureSection(id: string, title: string, { svg, table }: Chart): Section {
  return {
    ...{ id: `figure-${id}`, title, level: 3 },
    blocks: [
      { kind: 'picture', picture: { title, svg }, id, table },
      { kind: 'details', table, caption: `${title}: figures` },
    ],
  }
}

/** Makes the folder of a report before anything is simulated. Throws PERMISSION. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new RingferryError('PERMISSION', `${folder}: cannot be made (${code}); choose another folder`, {
      cause,
    })
  }
}

/** Writes report.html, report.md with its pictures in report/, report.json. Throws PERMISSION. @returns the page */
export function writeSimulationReport(folder: string, report: SimulationReport): string {
  const { title, lead, command, sections, figures } = report
  const out = resolve(folder)
  for (const { blocks } of sections)
    for (const block of blocks)
      if (block.kind === 'picture')
        writeWhole(join(out, PICTURES, pictureFile(block.id)), standalone(block.picture.svg))
  const html = join(out, 'report.html')
  const page = { title, lead, generator: command, sections }
  writeWhole(html, renderPage({ ...page, footer: ['Made by ', command, '.'] }))
  writeWhole(join(out, 'report.md'), markdownPage(page, PICTURES))
  writeWhole(join(out, 'report.json'), `${JSON.stringify({ title, command, ...figures })}\n`)
  return html
}
