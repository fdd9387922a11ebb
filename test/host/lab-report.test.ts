/** A report in a real browser. Pictures of the pages are left in the folder of RINGFERRY_SCREENSHOTS, if it is set. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeReport } from '../../src/lab/report/write.js'
import {
  coloursOf,
  contrast,
  hasBrowser,
  launchBrowser,
  leavePicture,
  type OpenPage,
  openPage,
  overhangOf,
} from './support/browser.js'
import { fullSyntheticRun } from './support/lab-records.js'

describe.skipIf(!hasBrowser)('report in a browser', () => {
  let browser: Browser
  let folder: string
  let address: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-report-'))
    const { records } = fullSyntheticRun()
    writeFileSync(join(folder, 'run.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    address = pathToFileURL(writeReport(folder).html).href
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  const open = (width: number, colorScheme: 'light' | 'dark'): Promise<OpenPage> =>
    openPage(browser, address, { width, colorScheme })

  it.each([
    [400, 'light'],
    [400, 'dark'],
    [1400, 'light'],
    [1400, 'dark'],
  ] as const)('the report is whole and readable when the window is %i wide and %s', async (width, scheme) => {
    const { context, page, errors, requests } = await open(width, scheme)
    await leavePicture(page, `${width}-${scheme}`)
    const charts = await page.locator('figure > svg').evaluateAll((svgs) =>
      svgs.map((svg) => {
        const { width: wide, height: high } = svg.getBoundingClientRect()
        return { wide, high, shapes: svg.querySelectorAll('rect,path,circle,polygon').length }
      }),
    )
    expect(charts).toHaveLength(8)
    for (const { wide, high, shapes } of charts) {
      expect(wide).toBeGreaterThan(300)
      expect(high).toBeGreaterThan(100)
      expect(shapes).toBeGreaterThan(3)
    }
    const overhang = await overhangOf(page)
    expect(overhang).toBeLessThanOrEqual(0)
    const small = await page
      .locator('figure > svg text')
      .evaluateAll((texts) =>
        texts.filter((text) => text.getBoundingClientRect().height < 8).map((text) => text.textContent),
      )
    expect(small).toEqual([])
    const colours = await coloursOf(page)
    expect(contrast(...colours)).toBeGreaterThan(7)
    const [, background] = colours
    const isDark = contrast(background, 'rgb(255, 255, 255)') > contrast(background, 'rgb(0, 0, 0)')
    expect(isDark).toBe(scheme === 'dark')
    expect(errors).toEqual([])
    expect(requests.filter((url) => url !== address && !url.startsWith('data:'))).toEqual([])
    await context.close()
  })

  it('every table opens by keyboard and scrolls inside itself when the window is narrow', async () => {
    const { context, page } = await open(400, 'light')
    for (const summary of await page.locator('summary').all()) {
      await summary.focus()
      await page.keyboard.press('Enter')
    }
    await leavePicture(page, '400-open')
    expect(await page.locator('details:not([open])').count()).toBe(0)
    const tables = page.locator('.scroll > table')
    expect(await tables.count()).toBeGreaterThan(10)
    for (const table of await tables.all()) expect(await table.isVisible()).toBe(true)
    const row = page.locator('#about-figure-2 tbody tr').first()
    expect(await row.innerText()).toMatch(/native\s+to_vm\s+20.000/)
    expect(await overhangOf(page)).toBeLessThanOrEqual(0)
    await context.close()
  })

  it('the report prints on paper in light colours when the reader likes the dark', async () => {
    const { context, page } = await open(1400, 'dark')
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const [, background] = await coloursOf(page)
    expect(contrast(background, 'rgb(0, 0, 0)')).toBeGreaterThan(18)
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    const target = process.env.RINGFERRY_SCREENSHOTS
    if (target) writeFileSync(join(target, 'print.pdf'), pdf)
    await context.close()
  })
})
