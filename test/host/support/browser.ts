/** Debian's Chromium, and what is asked of every page. Pictures go to the folder of RINGFERRY_SCREENSHOTS, if it is set. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** Run by the page; texts, because this project has no types of the DOM. */
const OVERHANG = 'document.documentElement.scrollWidth - window.innerWidth'
const COLOURS = '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]'

export const hasBrowser = existsSync(CHROMIUM)
if (!hasBrowser) console.log(`skipped: ${CHROMIUM} is missing (apt-get install chromium)`)

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })

/** A page, what its console says in anger, and what it asks of any network. */
export interface OpenPage {
  readonly context: BrowserContext
  readonly page: Page
  readonly errors: string[]
  readonly requests: string[]
}

export async function openPage(
  browser: Browser,
  address: string,
  { width, colorScheme }: { readonly width: number; readonly colorScheme: 'light' | 'dark' },
): Promise<OpenPage> {
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

export async function leavePicture(page: Page, name: string): Promise<void> {
  const target = process.env.RINGFERRY_SCREENSHOTS
  if (!target) return
  mkdirSync(target, { recursive: true })
  await page.screenshot({ path: join(target, `${name}.png`), fullPage: true })
}

/** By how many pixels a page is wider than its window. */
export const overhangOf = (page: Page): Promise<number> => page.evaluate<number>(OVERHANG)

/** Colours of text and page. */
export const coloursOf = (page: Page): Promise<[string, string]> => page.evaluate<[string, string]>(COLOURS)

/** The contrast of two colours as the browser writes them, by WCAG 2. */
export function contrast(a: string, b: string): number {
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
