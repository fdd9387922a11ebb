import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findTool } from '../../src/lab/guest/tools.js'
import { ownControl } from './cli-process.js'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const README = readFileSync(`${root}/README.md`, 'utf8')

/** The shell blocks of the README, in order. */
const blocks = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)

/**
 * Runs a block as a user would paste it, in a shell of its own; what it left in the background is ended with the shell's
 * process group. The build is there already: a test must not replace what other tests run.
 */
async function paste(block: string): Promise<{ code: number | null; output: string }> {
  const script = block.replace(/^npm ci .*$/m, 'true')
  const shell = spawn('bash', ['-e', '-c', script], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RINGFERRY_CONTROL: ownControl() },
  })
  let output = ''
  for (const stream of [shell.stdout, shell.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  const code = await new Promise<number | null>((resolve) => shell.once('exit', resolve))
  try {
    process.kill(-(shell.pid as number), 'SIGTERM')
  } catch {
    // Nothing was left.
  }
  return { code, output }
}

describe.runIf(findTool('linux.uml'))('README', () => {
  it('README has the blocks that are tested here', () => {
    expect(blocks).toHaveLength(4)
  })

  it.each(blocks.map((block) => [block.trim().split('\n').at(-1) ?? '', block]))(
    'README block that ends with "%s" runs as printed',
    async (_, block) => {
      const { code, output } = await paste(block)
      expect({ code, output }).toMatchObject({ code: 0 })
      expect(output).not.toMatch(/^ringferry: /m)
      if (block.includes('ping -c 3')) expect(output).toMatch(/3 packets received, 0% packet loss/)
      if (block.includes('tune show')) expect(output).toMatch(/adaptive/)
    },
    120_000,
  )
})
