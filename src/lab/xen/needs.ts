/** Whether an emulated Xen can run on this machine: asked, and fetched, before anything is measured. */
import { RingferryError } from '../../errors/errors.js'
import { findTool } from '../guest/tools.js'
import { checkImages } from './images.js'
import { QEMU } from './machine.js'
import { xenRoot } from './packages.js'

/**
 * Downloads Xen's packages the first time. Throws UNSUPPORTED, with one line of what is missing and what to do.
 * @param progress told what is being done, in one line
 */
export async function needXen(progress: (text: string) => void): Promise<void> {
  try {
    if (process.arch !== 'x64')
      throw new RingferryError(
        'UNSUPPORTED',
        `Xen's packages are for x86-64, this machine is ${process.arch}`,
      )
    if (!findTool(QEMU))
      throw new RingferryError('NOT_FOUND', `${QEMU} is not installed; run "apt-get install qemu-system-x86"`)
    checkImages()
    await xenRoot(progress)
  } catch (error) {
    const words = error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)
    throw new RingferryError('UNSUPPORTED', `no Xen can be emulated here: ${words}`, { cause: error })
  }
}
