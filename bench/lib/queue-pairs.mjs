// A guest with several queue pairs uses the first one until it has told its device otherwise (virtio 1.3, 5.1.6.5.6).
import { VIRTIO_NET_CTRL, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_OK } from '../../dist/virtio/virtio.js'

const MOST_TRIES = 1000

/**
 * Sets how many queue pairs a guest uses. Throws when the device does not agree.
 * @param {import('../../dist/embedded/guest.js').EmbeddedGuest} guest
 * @param {number} pairs
 * @param {() => unknown} wait for the device, until it was asked a thousand times
 */
export async function useQueuePairs({ driver }, pairs, wait) {
  driver.sendControl(VIRTIO_NET_CTRL.MQ, VIRTIO_NET_CTRL_MQ.VQ_PAIRS_SET, Uint8Array.of(pairs, 0))
  let answer
  for (let tries = 0; answer === undefined && tries < MOST_TRIES; tries++) {
    await wait()
    answer = driver.takeControlAck()
  }
  if (answer !== VIRTIO_NET_OK) throw new Error(`the device does not use ${pairs} queue pairs: ${answer}`)
}
