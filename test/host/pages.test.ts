import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { able } from './support/network.js'
import { paste, root, shellBlocks } from './support/paste.js'

describe.runIf(able('tap'))('docs/many-hosts.md', () => {
  const blocks = shellBlocks(readFileSync(`${root}/docs/many-hosts.md`, 'utf8'))

  it('docs/many-hosts.md has its two hosts on one machine', () => {
    expect(blocks).toHaveLength(1)
  })

  it('docs/many-hosts.md joins two hosts as printed', async () => {
    const { code, output } = await paste(blocks[0] ?? '')
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toMatch(/3 packets received, 0% packet loss/)
  }, 60_000)
})
