/** A report as one HTML file: no script, no request, light and dark, on a narrow screen and on paper. */
import type { ChartTable } from '../../plot/chart.js'
import { escapeText } from '../../plot/element.js'
import { PLOT_CSS } from '../../plot/theme.js'
import { csvField } from '../run/csv.js'
import { pictureFile, standalone } from './picture-file.js'
import type { Report } from './report.js'
import { type Block, type Section, sectionsOf } from './sections.js'

const CSS = `
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:var(--plot-surface);color:var(--plot-ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:84rem;margin:0 auto;padding:1.25rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0 .25rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.6rem;border-top:1px solid var(--plot-grid)}
h3{font-size:1.05rem;margin:2rem 0 .5rem}
p,ul{max-width:44rem;margin:.5rem 0}
li{margin:.25rem 0}
.lead,.note,nav,.note li{color:var(--plot-muted)}
.note{font-size:.9rem}
nav{font-size:.9rem;margin:1rem 0}
nav a{margin-right:1rem;white-space:nowrap;display:inline-block}
a{color:inherit}
h1,h2,h3,p,li,code,td.long{overflow-wrap:anywhere}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.answer{font-size:1.1rem}
.warning{border-left:4px solid var(--plot-accent);padding:.4rem .8rem}
section{position:relative}
figure{margin:1.75rem 0 .25rem;max-width:44rem}
figure.wide{max-width:none}
.links{font-size:.85rem;margin:.1rem 0 .6rem;color:var(--plot-muted)}
.links a{margin-right:.8rem}
@media (min-width:70rem){.figures{display:grid;grid-template-columns:1fr 1fr;column-gap:2rem;align-items:start}.figures>.wide{grid-column:1/-1}.figures>section{min-width:0}}
.scroll{overflow-x:auto;max-width:100%;background:linear-gradient(to right,var(--plot-surface) 40%,transparent) left/3rem 100% no-repeat local,linear-gradient(to left,var(--plot-surface) 40%,transparent) right/3rem 100% no-repeat local,linear-gradient(to right,var(--plot-muted),transparent) left/.6rem 100% no-repeat scroll,linear-gradient(to left,var(--plot-muted),transparent) right/.6rem 100% no-repeat scroll}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--plot-accent);outline-offset:2px}
table{border-collapse:collapse;font-size:.875rem;margin:.5rem 0;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--plot-muted);padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--plot-grid)}
td.long{min-width:11rem;max-width:30rem}
th.number,td.number{text-align:right}
td.number,td.short{white-space:nowrap}
th{vertical-align:bottom;min-width:3rem}
@media (max-width:40rem){th,td{padding-right:.55rem}caption{max-width:calc(100vw - 2rem)}}
thead th{font-weight:600}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--plot-muted);font-size:.9rem;padding:.2rem 0}
footer{margin-top:3rem;font-size:.85rem;color:var(--plot-muted)}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}nav{display:none}h2,h3{break-after:avoid}tr,figure{break-inside:avoid}.scroll{overflow:visible}table{font-size:8pt}td{overflow-wrap:anywhere}td.number,td.short{white-space:normal}}
`

const NUMERIC =
  /^(–|not measured|not known|none.*|[−-]?[\d\u202f.]+(e[−+-]?\d+)?( %)?( \(.*\))?|[−-]?[\d\u202f.e−+-]+ to .*|\d+ of \d+)$/

/** Letters beyond which a field may be broken anywhere. */
const LONG = 24

/** Which columns are figures: they stand to the right. */
function numericColumns({ head, rows }: ChartTable): boolean[] {
  return head.map(
    (_, at) => rows.length > 0 && rows.every((row) => NUMERIC.test(row[at] ?? '') || row[at] === ''),
  )
}

function tableHtml(table: ChartTable, caption: string): string {
  const numeric = numericColumns(table)
  const kind = (at: number, text: string): string => {
    if (numeric[at]) return ' class="number"'
    return ` class="${text.length > LONG ? 'long' : 'short'}"`
  }
  const head = table.head
    .map((name, at) => `<th scope="col"${numeric[at] ? ' class="number"' : ''}>${escapeText(name)}</th>`)
    .join('')
  const rows = table.rows.map(
    (row) => `<tr>${row.map((field, at) => `<td${kind(at, field)}>${escapeText(field)}</td>`).join('')}</tr>`,
  )
  const label = escapeText(caption)
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><caption>${label}</caption><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`
}

/** A file inside the page. */
export interface Attachment {
  readonly name: string
  readonly type: string
  readonly data: Buffer
  /** As the link reads. */
  readonly what: string
}

function linkHtml({ name, type, data, what }: Attachment): string {
  const href = `data:${type};base64,${data.toString('base64')}`
  return `<a download="${escapeText(name)}" href="${href}">${escapeText(what)}</a>`
}

function csvOf({ head, rows }: ChartTable): string {
  return [head, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('')
}

/** Wider drawings get the whole page. */
const COLUMN_UNITS = 640

function isWide(svg: string): boolean {
  return Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1] ?? 0) > COLUMN_UNITS
}

function pictureHtml({ picture, id, table }: Extract<Block, { kind: 'picture' }>): string {
  const files: Attachment[] = [
    { name: pictureFile(id), type: 'image/svg+xml', data: Buffer.from(standalone(picture.svg)), what: 'SVG' },
    { name: `${id}.csv`, type: 'text/csv', data: Buffer.from(csvOf(table)), what: 'CSV' },
  ]
  const wide = isWide(picture.svg) ? ' wide' : ''
  return `<figure class="plot-frame${wide}" tabindex="0" aria-label="${escapeText(picture.title)}">${picture.svg}</figure><p class="links">${files.map(linkHtml).join('')}</p>`
}

function blockHtml(block: Block, note: boolean): string {
  switch (block.kind) {
    case 'text':
      return `<p${block.strong ? ' class="warning"' : ''}>${escapeText(block.text)}</p>`
    case 'answer':
      return `<p class="answer">${escapeText(block.text)}</p>`
    case 'list':
      return `<ul${note ? ' class="note"' : ''}>${block.items.map((item) => `<li>${escapeText(item)}</li>`).join('')}</ul>`
    case 'table':
      return tableHtml(block.table, block.caption)
    case 'details':
      return `<details><summary>${escapeText(block.caption)}</summary>${tableHtml(block.table, block.caption)}</details>`
    case 'picture':
      return pictureHtml(block)
  }
}

function sectionHtml({ id, title, level, blocks }: Section): string {
  const note = level === 3
  // A chart shows its own title; the heading stays for outlines and screen readers.
  const unseen = blocks[0]?.kind === 'picture' ? ' class="unseen"' : ''
  const body = blocks.map((block) => blockHtml(block, note)).join('\n')
  const wide = blocks.some(
    (block) => block.kind === 'table' || (block.kind === 'picture' && isWide(block.picture.svg)),
  )
  return `<section id="${id}"${level === 3 && wide ? ' class="wide"' : ''}><h${level}${unseen}>${escapeText(title)}</h${level}>\n${body}</section>`
}

/** Sections one after the other; figures beside each other where the page is wide enough. */
function bodyHtml(sections: readonly Section[]): string {
  const first = sections.findIndex(({ level }) => level === 3)
  const last = sections.findLastIndex(({ level }) => level === 3)
  const html = sections.map(sectionHtml)
  if (first < 0) return html.join('\n')
  const figures = html.slice(first, last + 1).join('\n')
  return [...html.slice(0, first), `<div class="figures">${figures}</div>`, ...html.slice(last + 1)].join(
    '\n',
  )
}

/** A page of sections. Nothing in it is escaped. */
export interface Page {
  readonly title: string
  readonly lead: string
  /** The command that makes the page again. */
  readonly generator: string
  readonly sections: readonly Section[]
  /** Words and commands, in turns. */
  readonly footer: readonly string[]
  /** Files that the page carries. */
  readonly attachments?: readonly Attachment[]
}

/** A page as one file. SVGs come from src/plot, which escapes their text; everything else is escaped here. */
export function renderPage({ title, lead, generator, sections, footer, attachments = [] }: Page): string {
  const links = sections
    .filter(({ level }) => level === 2)
    .map((section) => `<a href="#${section.id}">${escapeText(section.title)}</a>`)
  const feet = footer.map((text, at) =>
    at % 2 === 0 ? escapeText(text) : `<code>${escapeText(text)}</code>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="generator" content="${escapeText(generator)}">
<link rel="icon" href="data:,">
<title>${escapeText(title)} (${escapeText(lead)})</title>
<style>${PLOT_CSS}${CSS}</style>
</head>
<body>
<main>
<header><h1>${escapeText(title)}</h1>
<p class="lead">${escapeText(lead)}</p>
${attachments.length === 0 ? '' : `<p class="links">${attachments.map(linkHtml).join('')}</p>`}</header>
<nav aria-label="Contents">${links.join('\n')}</nav>
${bodyHtml(sections)}
<footer><p>${feet.join('')}</p></footer>
</main>
</body>
</html>
`
}

/** The page of a report. @param attachments files that it carries */
export function renderHtml(report: Report, attachments: readonly Attachment[] = []): string {
  const { study, run, commands } = report
  return renderPage({
    title: study.title,
    lead: `Study ${study.name}, run ${run}`,
    generator: commands.report,
    sections: sectionsOf(report),
    footer: ['Measured by ', commands.measured, ', report by ', commands.report, '.'],
    attachments,
  })
}
