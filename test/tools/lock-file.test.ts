import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lockFile = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')

test('package-lock.json holds no download address when packages were added', () => {
  const { packages } = JSON.parse(lockFile) as { packages: Record<string, { resolved?: string }> }
  expect(Object.keys(packages).length).toBeGreaterThan(1)
  expect(Object.entries(packages).filter(([, entry]) => /^[a-z+]+:/.test(entry.resolved ?? ''))).toEqual([])
})

test('package-lock.json holds a checksum for every package it names', () => {
  const { packages } = JSON.parse(lockFile) as { packages: Record<string, { integrity?: string }> }
  const unchecked = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.integrity)
  expect(unchecked.map(([path]) => path)).toEqual([])
})
