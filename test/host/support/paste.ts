/** The commands of a page, run as a reader would. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ownControl } from '../cli-process.js'

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The shell blocks of a page, in order. */
export function shellBlocks(page: string): string[] {
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
}

/**
 * Runs a block as a user would paste it, in a shell of its own; what it left in the background is ended with the shell's
 * process group. The build is there already: a test must not replace what other tests run.
 */
export async function paste(block: string): Promise<{ code: number | null; output: string }> {
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
