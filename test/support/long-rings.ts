/**
 * Numbered frames of which none may be lost, on a machine that is busy: at this rate such rings hold those of half a minute, for
 * whoever waits for a processor meanwhile. Rings that long fit into the memory of a guest that sends no frames of 64 KB.
 */
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'

export const SLOW_FPS = 250
export const LONG_RING = 8192
export const PLAIN_FEATURES =
  VIRTIO_F.VERSION_1 | VIRTIO_F.EVENT_IDX | VIRTIO_F.INDIRECT_DESC | VIRTIO_NET_F.MRG_RXBUF
