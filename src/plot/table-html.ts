/** A chart's table as HTML. */
import type { ChartTable } from './chart.js'
import { element, escapeText } from './element.js'

/** A `<table>` whose first column heads the rows; `caption` is the title of the chart. All text is escaped. */
export function tableHtml(table: ChartTable, caption?: string): string {
  const head = table.head.map((text) => element('th', { scope: 'col' }, escapeText(text))).join('')
  const rows = table.rows.map((row) => {
    const cells = row.map((text, at) =>
      at === 0 ? element('th', { scope: 'row' }, escapeText(text)) : element('td', {}, escapeText(text)),
    )
    return element('tr', {}, cells.join(''))
  })
  const title = caption === undefined ? '' : element('caption', {}, escapeText(caption))
  return `<table>${title}<thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`
}
