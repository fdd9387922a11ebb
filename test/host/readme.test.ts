import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findTool } from '../../src/lab/guest/tools.js'
import { paste, root, shellBlocks } from './support/paste.js'

const blocks = shellBlocks(readFileSync(`${root}/README.md`, 'utf8'))

describe.runIf(findTool('linux.uml'))('README', () => {
  it('README has the blocks that are tested here', () => {
    expect(blocks).toHaveLength(5)
  })

  it.each(blocks.map((block) => [block.trim().split('\n').at(-1) ?? '', block]))(
    'README block that ends with "%s" runs as printed',
    async (_, block) => {
      const { code, output } = await paste(block)
      expect({ code, output }).toMatchObject({ code: 0 })
      expect(output).not.toMatch(/^ringferry: /m)
      if (block.includes('ping -c 3')) expect(output).toMatch(/3 (packets )?received, 0% packet loss/)
      if (block.includes('plan ')) expect(output).toMatch(/^Up to 49 VMs fit\./m)
      if (block.includes('tune show')) expect(output).toMatch(/adaptive/)
    },
    120_000,
  )
})
