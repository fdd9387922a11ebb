import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const { removeStaleOutputs } = await import(new URL('../../tools/stale-outputs.mjs', import.meta.url).href)

it('removeStaleOutputs removes what has no source any more, and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-stale-'))
  try {
    for (const name of ['src/core', 'dist/core']) mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'src/core/kept.ts'), '')
    for (const name of ['plane.wasm', 'core/kept.js', 'core/kept.d.ts', 'core/gone.js', 'core/gone.js.map'])
      writeFileSync(join(folder, 'dist', name), '')
    const removed = removeStaleOutputs(join(folder, 'dist'), join(folder, 'src'))
    expect(removed.sort()).toEqual(['core/gone.js', 'core/gone.js.map'])
    expect(readdirSync(join(folder, 'dist', 'core')).sort()).toEqual(['kept.d.ts', 'kept.js'])
    expect(readdirSync(join(folder, 'dist'))).toContain('plane.wasm')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
