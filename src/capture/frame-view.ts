import type { CapturedFrame } from '../core/capture-ring.js'

/** What a filter sees of a frame. */
export type Filtered = Pick<CapturedFrame, 'data' | 'sizeBytes' | 'direction' | 'drop'>

/**
 * The frame at hand of a filter. Bytes beyond what was captured read as 0, and are remembered: what cannot be judged does
 * not match, whatever the expression says.
 */
export class FrameView {
  frame: Filtered = { data: new Uint8Array(0), sizeBytes: 0, direction: 'ingress' }
  isShort = false

  /** Begins with another frame. */
  open(frame: Filtered): void {
    this.frame = frame
    this.isShort = false
  }

  u8(at: number): number {
    const byte = this.frame.data[at]
    if (byte === undefined) this.isShort = true
    return byte ?? 0
  }

  u16(at: number): number {
    return (this.u8(at) << 8) | this.u8(at + 1)
  }

  /** Whether bytes from a place are those of an address, as far as its mask says. */
  has(at: number, address: Uint8Array, mask: Uint8Array): boolean {
    for (let byte = 0; byte < address.length; byte++)
      if ((this.u8(at + byte) & (mask[byte] as number)) !== address[byte]) return false
    return true
  }
}
