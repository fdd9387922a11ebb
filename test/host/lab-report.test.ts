/** A report in a real browser. Pictures of the pages are left in the folder of RINGFERRY_SCREENSHOTS, if it is set. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeReport } from '../../src/lab/report/write.js'
import { fullSyntheticRun } from './support/lab-records.js'

const CHROMIUM = '/usr/bin/chromium'
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** Run by the page; texts, because this project has no types of the DOM. */
const OVERHANG = 'document.documentElement.scrollWidth - window.innerWidth'
const COLOURS = '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]'

const missing = !existsSync(CHROMIUM)
if (missing) console.log(`lab-report: skipped, ${CHROMIUM} is missing (apt-get install chromium)`)

describe.skipIf(missing)('report in a browser', () => {
  let browser: Browser
  let folder: string
  let address: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-report-'))
    const { records } = fullSyntheticRun()
    writeFileSync(join(folder, 'run.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    address = pathToFileURL(writeReport(folder).html).href
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
  })

  afterAll(async () => {
    await browser?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  /** Opens the report; what the console says in anger and what is asked of any network is collected. */
  async function open(width: number, colorScheme: 'light' | 'dark') {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
    const page = await context.newPage()
    const errors: string[] = []
    const requests: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
    })
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('request', (request) => requests.push(request.url()))
    await page.goto(address)
    return { context, page, errors, requests }
  }

  async function leavePicture(page: Page, name: string): Promise<void> {
    const target = process.env.RINGFERRY_SCREENSHOTS
    if (!target) return
    mkdirSync(target, { recursive: true })
    await page.screenshot({ path: join(target, `${name}.png`), fullPage: true })
  }

  /** The contrast of two colours as the browser writes them, by WCAG 2. */
  function contrast(a: string, b: string): number {
    const luminance = (colour: string): number => {
      const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
        const share = Number(part) / 255
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
    return (high! + 0.05) / (low! + 0.05)
  }

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
    const overhang = await page.evaluate<number>(OVERHANG)
    expect(overhang).toBeLessThanOrEqual(0)
    const small = await page
      .locator('figure > svg text')
      .evaluateAll((texts) =>
        texts.filter((text) => text.getBoundingClientRect().height < 8).map((text) => text.textContent),
      )
    expect(small).toEqual([])
    const colours = await page.evaluate<[string, string]>(COLOURS)
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
    expect(await page.evaluate<number>(OVERHANG)).toBeLessThanOrEqual(0)
    await context.close()
  })

  it('the report prints on paper in light colours when the reader likes the dark', async () => {
    const { context, page } = await open(1400, 'dark')
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const [, background] = await page.evaluate<[string, string]>(COLOURS)
    expect(contrast(background, 'rgb(0, 0, 0)')).toBeGreaterThan(18)
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    const target = process.env.RINGFERRY_SCREENSHOTS
    if (target) writeFileSync(join(target, 'print.pdf'), pdf)
    await context.close()
  })
})
