import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { drawGallery, galleryPage } from './gallery.js'

const FOLDER = fileURLToPath(new URL('../../docs/gallery/', import.meta.url))
const cases = drawGallery()

/** Tags that were opened and not closed, or closed out of order. */
function unbalanced(svg: string): string[] {
  const open: string[] = []
  for (const [, close, name, , self] of svg.matchAll(/<(\/?)([a-z]+)((?:\s[^<>]*?)?)(\/?)>/gi)) {
    if (close) {
      if (open.pop() !== name) return [`</${name}>`]
    } else if (!self) open.push(name!)
  }
  return open
}

describe.each(cases)('chart $name', ({ name, chart }) => {
  test('its SVG equals the committed one when nothing changed', async () => {
    await expect(`${chart.svg}\n`).toMatchFileSnapshot(`${FOLDER}${name}.svg`)
  })

  test('is well formed, accessible and without numbers that are none', () => {
    expect(unbalanced(chart.svg)).toEqual([])
    expect(chart.svg).toMatch(/^<svg [^>]*role="img"[^>]*viewBox="0 0 \d+ \d+"/)
    expect(chart.svg).not.toMatch(/^<svg [^>]*\s(width|height)=/)
    expect(chart.svg).toMatch(/<title id="[^"]+">[^<]+<\/title>\n<desc id="[^"]+">[^<]+<\/desc>/)
    expect(chart.svg).not.toMatch(/NaN|Infinity|undefined|null/)
  })

  test('paints by custom properties alone and refers only to itself', () => {
    for (const [, , paint] of chart.svg.matchAll(/\s(fill|stroke)="([^"]*)"/g)) {
      expect(paint).toMatch(/^(none|var\(--plot-[a-z0-9]+, #[0-9a-f]{6}\)|url\(#[\w-]+\))$/)
    }
    for (const [, id] of chart.svg.matchAll(/url\(#([\w-]+)\)/g)) expect(chart.svg).toContain(`id="${id}"`)
    for (const [, id] of chart.svg.matchAll(/\sid="([^"]+)"/g)) expect(id!.startsWith(name)).toBe(true)
    expect(chart.svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|<style|href=/)
  })

  test('all that is placed by a single x and y lies on the sheet', () => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(chart.svg)!.map(Number)
    for (const [, x, y] of chart.svg.matchAll(/<(?:text|rect) x="([-\d.]+)" y="([-\d.]+)"/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(0)
      expect(Number(x)).toBeLessThanOrEqual(width!)
      expect(Number(y)).toBeGreaterThanOrEqual(0)
      expect(Number(y)).toBeLessThanOrEqual(height!)
    }
  })

  test('every row of its table is as long as the head', () => {
    for (const row of chart.table.rows) expect(row.length).toBe(chart.table.head.length)
  })
})

test('the page of the gallery is up to date, no id occurs twice on it', async () => {
  const page = galleryPage(cases)
  await expect(page).toMatchFileSnapshot(`${FOLDER}index.html`)
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('the folder of the gallery holds nothing else', () => {
  expect(readdirSync(FOLDER).sort()).toEqual([...cases.map(({ name }) => `${name}.svg`), 'index.html'].sort())
})
