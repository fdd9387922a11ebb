/** The dashboard of a switch with traffic in a real browser: what an operator does with it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openApi, type RunningApi } from '../../src/daemon/api/serve.js'
import { Daemon } from '../../src/daemon/daemon.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../src/embedded/worker.js'
import { Switch } from '../../src/engine/switch.js'
import { connectUnix } from '../../src/sys/unix-socket.js'
import {
  coloursOf,
  contrast,
  hasBrowser,
  launchBrowser,
  leavePicture,
  openPage,
  overhangOf,
} from './support/browser.js'

/** Nothing is that fast; the operator asks for what any machine can do. */
const SOON_US = 0.5
const SLOW = { timeout: 90_000 }
const mac = (n: number): string => `02:00:00:00:00:${String(n).padStart(2, '0')}`
/** Ports that wait for guests: with those that have one there are forty. */
const WAITING = 34

/** Run by the page; texts, because this project has no types of the DOM. */
const ACTIVE = "document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()"
/** By how much the table of ports is wider than its place. */
const TABLE_OVERHANG =
  "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.ports'))"
const VIOLATIONS =
  'addEventListener("securitypolicyviolation", (event) => console.error("CSP", event.violatedDirective))'
/** Texts whose contrast with what is behind them is below that of WCAG AA. */
const FAINT = `(() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  return [...document.querySelectorAll('main *, header *')].flatMap((element) => {
    if (element.closest('svg') || ![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) return []
    const [a, b] = [luminance(parts(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => x - y)
    const ratio = (b + 0.05) / (a + 0.05)
    return ratio < 4.5 ? [element.className + ' ' + element.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2)] : []
  })
})()`

describe.skipIf(!hasBrowser)('the dashboard in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-dashboard-'))
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const socket = join(folder, 'control.sock')
  let running: Switch
  let daemon: Daemon
  let api: RunningApi
  let browser: Browser
  let url: string
  let token: string

  async function guest(
    n: number,
    name: string,
    role: EmbeddedRole,
    targetUs?: number,
  ): Promise<EmbeddedWorker> {
    const own = join(folder, `${name}.sock`)
    await running.addPort({ kind: 'vif', name, socket: own, ...(targetUs === undefined ? {} : { targetUs }) })
    const worker = await EmbeddedWorker.start(connectUnix(own), { mac: mac(n), role, spinUs: 0 })
    undo.push(() => worker.stop())
    return worker
  }

  beforeAll(async () => {
    running = await Switch.start({ policy: { name: 'adaptive' }, memoryBytes: 2 ** 30 })
    undo.push(() => running.stop())
    await guest(1, 'web', { kind: 'meter' }, 1e7)
    await guest(2, 'store', { kind: 'meter' }, SOON_US)
    const db = await guest(3, 'db', { kind: 'generator', to: [mac(1), mac(2)], frameBytes: 600 })
    const batch = await guest(4, 'batch', { kind: 'generator', to: mac(2), frameBytes: 1500 })
    await guest(5, 'mail', { kind: 'sink' })
    await running.addPort({
      kind: 'stream',
      name: 'internet',
      socket: join(folder, 'internet.sock'),
      mode: 'server',
    })
    for (let n = 1; n <= WAITING; n++) {
      const name = n === WAITING ? `vm${n}-backup-of-the-payroll-system` : `vm${n}`
      await running.addPort({ kind: 'vif', name, socket: join(folder, `${name}.sock`) })
    }
    daemon = new Daemon(running)
    api = await openApi(daemon, { socket, listen: '127.0.0.1:0' })
    undo.push(async () => {
      await api.close()
      await daemon.close()
    })
    url = api.tcp?.url ?? ''
    token = readFileSync(api.tcp?.tokenFile ?? '', 'utf8').trim()
    browser = await launchBrowser()
    undo.push(() => browser.close())
    db.setRate(2_000)
    batch.setRate(1_000)
  })

  afterAll(async () => {
    for (const each of undo.reverse()) await each()
  })

  const verdictOf = (page: Page, name: string) =>
    page
      .getByRole('row', { name: new RegExp(`^${name}\\b`) })
      .getByRole('cell')
      .last()

  it('an operator finds the guest whose target is missed, reads why, sets another target and sees it met', async () => {
    const { context, page, errors, requests } = await openPage(browser, url, {
      width: 1400,
      colorScheme: 'light',
    })
    await page.evaluate(VIOLATIONS)
    // What is missed comes first in the table.
    const first = page
      .getByRole('table', { name: /^Ports/ })
      .getByRole('row')
      .nth(1)
    await expect.poll(() => first.innerText(), SLOW).toMatch(/store[\s\S]*missed/)
    await page.getByRole('button', { name: 'Show store' }).click()
    const panel = page.getByRole('region', { name: 'store', exact: true })
    await expect.poll(() => panel.innerText(), SLOW).toMatch(/Missed by .* because .+[\s\S]*What to do: /)
    await expect
      .poll(() => panel.getByRole('img', { name: /within the target of 0.5 us/ }).count(), SLOW)
      .toBe(1)
    // Without the token nothing changes.
    await panel.getByLabel('Target', { exact: true }).fill('10 s')
    await panel.getByRole('button', { name: 'Set target' }).click()
    await page.getByLabel('Token', { exact: true }).fill('this is not the token')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('alert').innerText(), SLOW).toContain('token is wrong')
    expect(running.tuning().vifs.find(({ name }) => name === 'store')?.targetUs).toBe(SOON_US)
    // The browser itself tells of the answer 401.
    expect(errors.splice(0)).toEqual([expect.stringContaining('401')])
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByText('changes allowed').count(), SLOW).toBe(1)
    await panel.getByRole('button', { name: 'Set target' }).click()
    await expect.poll(() => verdictOf(page, 'store').innerText(), SLOW).toMatch(/✓ met/)
    await expect.poll(() => panel.innerText(), SLOW).toContain('Met since')
    expect(running.tuning().vifs.find(({ name }) => name === 'store')?.targetUs).toBe(1e7)
    await expect
      .poll(() => page.locator('[aria-live]#announced').innerText(), SLOW)
      .toContain('store: target met')
    await expect.poll(() => page.locator('.events').innerText(), SLOW).toMatch(/store\s+target missed/)
    // The same with the budget of the switch.
    const engine = page.getByRole('region', { name: 'Processor of the switch' })
    await engine.getByLabel('Budget', { exact: true }).fill('140 %')
    await engine.getByRole('button', { name: 'Set budget' }).click()
    await expect.poll(() => engine.innerText(), SLOW).toContain('at most 100 %')
    await engine.getByLabel('Budget', { exact: true }).fill('73 %')
    await engine.getByRole('button', { name: 'Set budget' }).click()
    await expect.poll(() => running.tuning().budget, SLOW).toBe(0.73)
    await expect
      .poll(() => engine.getByRole('img').getAttribute('aria-label'), SLOW)
      .toContain('budget 73.0 %')
    expect(errors).toEqual([])
    expect(requests.filter((each) => !each.startsWith(`${url}/`))).toEqual([])
    await context.close()
    await running.tune({ vif: 'store', targetUs: SOON_US })
  })

  it('all is reached by keyboard: a port found by words, sorted, chosen, and its numbers read', async () => {
    const { context, page, errors } = await openPage(browser, url, { width: 1400, colorScheme: 'dark' })
    const tabTo = async (wanted: RegExp): Promise<void> => {
      for (let tabs = 0; tabs < 80; tabs++) {
        await page.keyboard.press('Tab')
        if (wanted.test(await page.evaluate<string>(ACTIVE))) return
      }
      throw new Error(`no tab stop has ${wanted}`)
    }
    await page.getByRole('searchbox').waitFor()
    await tabTo(/^A To the ports/)
    await tabTo(/^INPUT/)
    await page.keyboard.type('vif waiting')
    const table = page.getByRole('table', { name: /^Ports/ })
    await expect.poll(() => table.getByRole('row').count(), SLOW).toBe(WAITING + 1)
    await tabTo(/^BUTTON Port/)
    await page.keyboard.press('Enter')
    await expect.poll(() => table.getByRole('row').nth(1).innerText(), SLOW).toMatch(/^vm1\b/)
    await page.keyboard.press('Enter')
    await expect.poll(() => table.getByRole('row').nth(1).innerText(), SLOW).toMatch(/^vm34\b/)
    expect(await table.getByRole('columnheader', { name: 'Port' }).getAttribute('aria-sort')).toBe(
      'descending',
    )
    await tabTo(/^BUTTON vm33/)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByRole('heading', { name: 'vm33' }).count(), SLOW).toBe(1)
    expect(page.url()).toBe(`${url}/#port=vm33`)
    await page.goto(`${url}/#port=web`)
    await page.reload()
    await expect.poll(() => page.getByRole('heading', { name: 'web' }).count(), SLOW).toBe(1)
    await tabTo(/^SUMMARY Table: Delays of web/)
    await page.keyboard.press('Enter')
    const numbers = page.getByRole('table', { name: 'Delays of web in the last 10 s' })
    await expect.poll(() => numbers.getByRole('row').count(), SLOW).toBeGreaterThan(1)
    await page.keyboard.press('Shift+Tab')
    const theme = page.getByRole('button', { name: /^Colours/ })
    await theme.focus()
    await page.keyboard.press('Enter')
    expect(contrast((await coloursOf(page))[1], 'rgb(255, 255, 255)')).toBeLessThan(1.3)
    expect(errors).toEqual([])
    await context.close()
  })

  it.each([
    [400, 'light'],
    [400, 'dark'],
    [1400, 'light'],
    [1400, 'dark'],
  ] as const)('it is whole and readable when the window is %i wide and %s', async (width, colorScheme) => {
    const { context, page, errors } = await openPage(browser, `${url}/#token=${token}`, {
      width,
      colorScheme,
    })
    await page.getByText('changes allowed').waitFor()
    expect(page.url()).toBe(`${url}/`)
    await page.getByRole('img', { name: /within the target/ }).waitFor()
    // Pictures are of charts with something in them.
    if (process.env.RINGFERRY_SCREENSHOTS) await page.waitForTimeout(12_000)
    await leavePicture(page, `${width}-${colorScheme}`)
    expect(await overhangOf(page)).toBeLessThanOrEqual(0)
    expect(await page.evaluate<number>(TABLE_OVERHANG)).toBeLessThanOrEqual(0)
    expect(await page.evaluate<string[]>(FAINT)).toEqual([])
    const [ink, paper] = await coloursOf(page)
    expect(contrast(ink, paper)).toBeGreaterThan(7)
    expect(contrast(paper, 'rgb(0, 0, 0)') < contrast(paper, 'rgb(255, 255, 255)')).toBe(
      colorScheme === 'dark',
    )
    expect(errors).toEqual([])
    await context.close()
  })

  it('it says that the switch has gone, goes on when it is back, and asks for the token that is new then', async () => {
    const { context, page } = await openPage(browser, `${url}/#token=${token}`, {
      width: 1400,
      colorScheme: 'light',
    })
    await page.getByText('changes allowed').waitFor()
    await api.close()
    await expect.poll(() => page.getByText('connection lost').count(), SLOW).toBe(1)
    api = await openApi(daemon, { socket, listen: new URL(url).host })
    await expect.poll(() => page.getByText('live', { exact: true }).count(), SLOW).toBe(1)
    await page.getByRole('button', { name: 'Set budget' }).click()
    await page.getByLabel('Token', { exact: true }).waitFor()
    expect(await page.getByText('changes allowed').count()).toBe(0)
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate<string>(ACTIVE), SLOW).toBe('BUTTON Set budget')
    await context.close()
  })
})
