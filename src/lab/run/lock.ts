/**
 * One lab a run: whoever listens on the abstract Unix socket of a folder owns it. The kernel takes the name back when
 * the process ends, however it ends, so there is no lock to clear away after a kill.
 */
import { statSync } from 'node:fs'
import { createServer } from 'node:net'
import { RingferryError } from '../../errors/errors.js'

export interface RunLock {
  release(): Promise<void>
}

/** Takes the lock of an existing folder. Throws BUSY when another process has it. */
export async function takeRunLock(folder: string): Promise<RunLock> {
  const { dev, ino } = statSync(folder)
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new RingferryError('BUSY', `${folder}: another lab is writing this run; wait for it or end it`, {
              cause,
            })
          : cause,
      ),
    )
    server.listen(`\0ringferry-lab-${dev}-${ino}`, resolve)
  })
  server.unref()
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}
