import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDashboard } from '../../tools/dashboard.mjs'

const MAX_GZIP_BYTES = 150 * 1000
const folder = mkdtempSync(join(tmpdir(), 'ringferry-dashboard-build-'))
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

beforeAll(() => buildDashboard(join(import.meta.dirname, '../..'), folder))
afterAll(() => rmSync(folder, { recursive: true }))

describe('buildDashboard', () => {
  it('buildDashboard makes less than 150 KB, compressed', () => {
    const files = readdirSync(folder)
    expect(files.sort()).toEqual(['icon.svg', 'index.html', 'main.js', 'style.css'])
    const bytes = files.reduce((all, file) => all + gzipSync(read(file)).length, 0)
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(MAX_GZIP_BYTES)
  })

  it('buildDashboard makes pages that load from no other host, and no script or style within the page', () => {
    for (const file of ['index.html', 'style.css']) expect(read(file)).not.toMatch(/(https?:)?\/\/\w|@import/)
    expect(read('index.html')).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|\sstyle=/)
    expect(/\beval\(|\bnew Function\(|\bimport\(/.test(read('main.js'))).toBe(false)
  })
})
