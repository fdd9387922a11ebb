/** The commands of a page, run as a reader would. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ownControl } from '../cli-process.js'

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Arguments of setpriv for a user who may nothing. */
export const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups']

/** The shell blocks of a page, in order; but those with a comment above that says why they cannot run in a test. */
export function shellBlocks(page: string): string[] {
  return [...page.matchAll(/^(<!-- not run: .+ -->\n)?```sh\n([\s\S]*?)^```$/gm)].flatMap(
    ([, reason, text = '']) => (reason === undefined ? [text] : []),
  )
}

/**
 * Runs a block as a user would paste it, in a shell of its own; what it left in the background is ended with the shell's
 * process group. The build is there already: a test must not replace what other tests run.
 * @param isNobody as a user who may nothing
 */
export async function paste(
  block: string,
  isNobody = false,
): Promise<{ code: number | null; output: string }> {
  const script = block.replace(/^npm ci .*$/m, 'true')
  const words = ['bash', '-e', '-c', script]
  const [program = '', ...args] = isNobody ? ['setpriv', ...AS_NOBODY, ...words] : words
  const shell = spawn(program, args, {
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
