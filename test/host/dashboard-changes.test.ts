/** What an operator changes from the dashboard, by keyboard alone: held targets, a target that outlives the restart. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/config.js'
import { openApi, type RunningApi } from '../../src/daemon/api/serve.js'
import { Daemon } from '../../src/daemon/daemon.js'
import { startSwitch } from '../../src/daemon/start.js'
import { type EmbeddedRole, EmbeddedWorker } from '../../src/embedded/worker.js'
import type { Switch } from '../../src/engine/switch.js'
import { connectUnix } from '../../src/sys/unix-socket.js'
import { hasBrowser, launchBrowser, leavePicture, openPage, overhangOf } from './support/browser.js'

const SLOW = { timeout: 90_000 }
const EVER = '10 s'
const MOST_TABS = 80
/** Run by the page: what has the focus, with the text beside it. */
const ACTIVE =
  "(({ tagName, type, id, textContent, parentElement }) => [tagName, type, id, textContent.trim() || parentElement.textContent.trim()].join(' '))(document.activeElement)"

describe.skipIf(!hasBrowser)('changes from the dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-changes-'))
  const undo: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const file = join(folder, 'switch.yaml')
  const read = (): string => readFileSync(file, 'utf8')
  let running: Switch
  let api: RunningApi
  let browser: Browser
  let url = ''
  let token = ''

  async function guest(name: string, mac: string, role: EmbeddedRole): Promise<EmbeddedWorker> {
    const worker = await EmbeddedWorker.start(connectUnix(join(folder, `${name}.sock`)), {
      mac,
      role,
      spinUs: 0,
    })
    undo.push(() => worker.stop())
    return worker
  }

  beforeAll(async () => {
    const ports = ['web', 'client'].map(
      (name) =>
        `  - {kind: vif, name: ${name}, socket: ${join(folder, `${name}.sock`)}} # ${name} of the shop`,
    )
    const text = `engine: {memoryMb: 256} # small\nports:\n${ports.join('\n')}\n`
    writeFileSync(file, text)
    const configOf = (read: string) => parseConfig(read, file)
    running = await startSwitch(configOf(text))
    undo.push(() => running.stop())
    const daemon = new Daemon(running, { config: configOf(text), source: { path: file, text, configOf } })
    api = await openApi(daemon, { socket: join(folder, 'control.sock'), listen: '127.0.0.1:0' })
    undo.push(async () => {
      await api.close()
      await daemon.close()
    })
    url = api.tcp?.url ?? ''
    token = readFileSync(api.tcp?.tokenFile ?? '', 'utf8').trim()
    await guest('web', '02:00:00:00:00:01', { kind: 'meter' })
    const client = await guest('client', '02:00:00:00:00:02', {
      kind: 'generator',
      to: '02:00:00:00:00:01',
      frameBytes: 300,
    })
    client.setRate(2_000)
    browser = await launchBrowser()
    undo.push(() => browser.close())
  })
  afterAll(async () => {
    for (const each of undo.reverse()) await each()
  })

  async function tabTo(page: Page, wanted: RegExp): Promise<void> {
    for (let tabs = 0; tabs < MOST_TABS; tabs++) {
      await page.keyboard.press('Tab')
      if (wanted.test(await page.evaluate<string>(ACTIVE))) return
    }
    throw new Error(`no tab stop has ${wanted}`)
  }

  it('an operator has targets held, sets one and keeps both in the file, whose comments stay', async () => {
    const { context, page, errors } = await openPage(browser, `${url}/#port=web`, {
      width: 1400,
      colorScheme: 'light',
    })
    const panel = page.getByRole('region', { name: 'web', exact: true })
    await expect.poll(() => panel.innerText(), SLOW).toMatch(/not held/i)
    // Without the token it is asked for, and the button has the focus again.
    await tabTo(page, /^BUTTON .*Hold targets/)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate<string>(ACTIVE), SLOW).toMatch(/^INPUT password token\b/)
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.getByText('changes allowed').waitFor()
    await expect.poll(() => page.evaluate<string>(ACTIVE), SLOW).toMatch(/^BUTTON .*Hold targets/)
    expect(running.tuning().policy.name).toBe('natural')
    await page.keyboard.press('Tab')
    expect(await page.evaluate<string>(ACTIVE)).toMatch(/^INPUT checkbox .*also in the configuration file/)
    await page.keyboard.press('Space')
    await leavePicture(page, 'hold-targets')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await expect.poll(() => running.tuning().policy.name, SLOW).toBe('adaptive')
    await expect.poll(read, SLOW).toMatch(/policy:[\s\S]*adaptive[\s\S]*# small/)
    // The target: typed, kept, met.
    await expect.poll(() => panel.getByRole('button', { name: /^Hold targets/ }).count(), SLOW).toBe(0)
    await tabTo(page, /^INPUT text target\b/)
    await page.keyboard.press('Control+A')
    await page.keyboard.type(EVER)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    expect(await page.evaluate<string>(ACTIVE)).toMatch(/^INPUT checkbox .*also in the configuration file/)
    await page.keyboard.press('Space')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await expect.poll(read, SLOW).toMatch(/name: web,.*targetUs: 10000000.*# web of the shop/)
    await expect.poll(() => panel.innerText(), SLOW).toContain('Met since')
    expect(await panel.getByRole('status').allInnerTexts()).toContain(
      'Set. The verdict counts frames from now on.',
    )
    // Both windows have their p99.
    for (const window of ['p99, 10 s', 'p99, 5 min'])
      await expect
        .poll(() => panel.locator('dt', { hasText: window }).locator('..').innerText(), SLOW)
        .toMatch(/\d+(\.\d)? (us|ms)/)
    expect(errors).toEqual([])
    await context.close()
  })

  it('a change that is not to be kept leaves the file as it is', async () => {
    const before = read()
    const { context, page } = await openPage(browser, `${url}/#token=${token}`, {
      width: 400,
      colorScheme: 'dark',
    })
    await page.getByText('changes allowed').waitFor()
    // The tab keeps the token.
    await page.goto(`${url}/#port=web`)
    await page.reload()
    await page.getByText('changes allowed').waitFor()
    const panel = page.getByRole('region', { name: 'web', exact: true })
    await panel.getByLabel('Target', { exact: true }).fill('0.5 us')
    await panel.getByRole('button', { name: 'Set target' }).click()
    // A target that nothing can meet: why, and what to do.
    await expect.poll(() => panel.innerText(), SLOW).toMatch(/Missed by .* because .+[\s\S]*What to do: /)
    await leavePicture(page, 'missed-400')
    expect(await overhangOf(page)).toBeLessThanOrEqual(0)
    expect(read()).toBe(before)
    await context.close()
  })
})
