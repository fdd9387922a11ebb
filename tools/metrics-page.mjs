// The table of docs/metrics.md, made from the families of metrics, dist/ being built.
import { readFileSync, writeFileSync } from 'node:fs'

const PAGE = new URL('../docs/metrics.md', import.meta.url)
const BEGIN = '<!-- table: made by the build -->\n'
const END = '<!-- end of table -->'

/** @param {string} name @param {'port' | 'text' | readonly string[]} values */
function label(name, values) {
  return typeof values === 'string' ? `\`${name}\`` : `\`${name}\`: ${values.join(', ')}`
}

/**
 * The page's text with the table of all metrics.
 * @param {string} page
 * @param {readonly { name: string, type: string, help: string, labels: Record<string, any> }[]} families
 */
export function withTable(page, families) {
  const rows = families.map(({ name, type, help, labels }) => {
    const listed = Object.entries(labels).map(([each, values]) => label(each, values))
    return `| \`${name}\` | ${type} | ${listed.join('; ')} | ${help} |\n`
  })
  const table = `| Metric | Type | Labels | What |\n|---|---|---|---|\n${rows.join('')}`
  const [before = '', rest = ''] = page.split(BEGIN)
  return `${before}${BEGIN}${table}${END}${rest.split(END)[1]}`
}

export async function writeMetricsPage() {
  const { FAMILIES } = await import(new URL('../dist/daemon/metrics/metrics.js', import.meta.url).href)
  const page = readFileSync(PAGE, 'utf8')
  const text = withTable(page, FAMILIES)
  if (text !== page) writeFileSync(PAGE, text)
}
