/**
 * Messages of xenstore: a header of four u32 (type, request, transaction, length), then the payload.
 * Source: xen/include/public/io/xs_wire.h (4.17), docs/misc/xenstore.txt.
 */

/** Types of messages that are sent or understood here. */
export const XS = {
  DIRECTORY: 1,
  READ: 2,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  WRITE: 11,
  WATCH_EVENT: 15,
  ERROR: 16,
} as const

export const STORE_HEADER_BYTES = 16
/** XENSTORE_PAYLOAD_MAX. */
export const STORE_PAYLOAD_BYTES = 4096

export interface StoreMessage {
  readonly type: number
  /** Given by whoever asks, and sent back with the answer. */
  readonly request: number
  /** 0: none. */
  readonly transaction: number
  readonly payload: Uint8Array
}

/** A message as it is sent. */
export function storeBytes({ type, request, transaction, payload }: StoreMessage): Uint8Array {
  const bytes = new Uint8Array(STORE_HEADER_BYTES + payload.length)
  const data = new DataView(bytes.buffer)
  for (const [index, word] of [type, request, transaction, payload.length].entries())
    data.setUint32(index * 4, word, true)
  bytes.set(payload, STORE_HEADER_BYTES)
  return bytes
}

/** Cuts the stream of bytes from the store into messages. */
export class StoreReader {
  #rest = new Uint8Array(0)

  /** The messages that are whole now. Throws a RangeError when the stream is none of messages. */
  push(chunk: Uint8Array): StoreMessage[] {
    const bytes = new Uint8Array(this.#rest.length + chunk.length)
    bytes.set(this.#rest)
    bytes.set(chunk, this.#rest.length)
    const data = new DataView(bytes.buffer)
    const messages: StoreMessage[] = []
    let at = 0
    while (bytes.length - at >= STORE_HEADER_BYTES) {
      const word = (index: number): number => data.getUint32(at + index * 4, true)
      const lengthBytes = word(3)
      if (lengthBytes > STORE_PAYLOAD_BYTES)
        throw new RangeError(
          `a message of ${lengthBytes} bytes from xenstore; it sends at most ${STORE_PAYLOAD_BYTES}`,
        )
      const end = at + STORE_HEADER_BYTES + lengthBytes
      if (end > bytes.length) break
      const payload = bytes.slice(at + STORE_HEADER_BYTES, end)
      messages.push({ type: word(0), request: word(1), transaction: word(2), payload })
      at = end
    }
    this.#rest = bytes.slice(at)
    return messages
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Strings, each ended by a zero byte. */
export function zeroEnded(...texts: readonly string[]): Uint8Array {
  return encoder.encode(texts.map((text) => `${text}\0`).join(''))
}

/** Text of a payload, without a zero byte at its end. */
export function payloadText(payload: Uint8Array): string {
  return decoder.decode(payload).replace(/\0$/, '')
}

/** The strings of a payload of strings that end in a zero byte. */
export function payloadList(payload: Uint8Array): string[] {
  const text = payloadText(payload)
  return text === '' ? [] : text.split('\0')
}
