/**
 * A connection's state in a memory file that outlives this process:
 *
 *   0    magic, tries of taking it up, unsettled, number of the record whose message was taken off the socket,
 *        tries of serving the next message
 *   4096 slot 0: number, length, SHA-256 of both and the text, text (JSON)
 *   4096 + SLOT_BYTES: slot 1
 *
 * Records are written into the slots in turn, so a process may end at any byte: the one before is whole. What is read is
 * checked like what comes from a peer: an older version, another program, or anybody may have written it.
 */
import { createHash } from 'node:crypto'
import { readSync, writeSync } from 'node:fs'
import { createSealedMemfd, fileSize } from '../sys/memory-map.js'
import { closeFd } from '../sys/unix-socket.js'
import { KEPT_REQUESTS, type KeptMessage } from './session-state.js'

const MAGIC = 0x31_53_46_52
const VERSION = 1
const HEAD_BYTES = 4096
const SLOT_BYTES = 262_144
const SLOT_HEAD_BYTES = 40
const FILE_BYTES = HEAD_BYTES + 2 * SLOT_BYTES
const MAX_MESSAGES = 8192
/** Of a message or a command: those of drivers are the longest. */
const MAX_HEX = 2 * 8192

const AT = { MAGIC: 0, TAKE_UPS: 4, UNSETTLED: 8, TAKEN: 12, SERVES: 16 } as const

/** What a connection needs to go on. */
export interface SessionRecord {
  /** Where the guest came and what it was told: another backend must not take it up. */
  readonly identity: string
  readonly messages: readonly KeptMessage[]
  /** The message that was served last, and its reply; empty: it has none, or was taken off the socket before. */
  readonly served: Uint8Array
  readonly reply: Uint8Array
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const isHex = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_HEX && /^([0-9a-f]{2})*$/.test(value)
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const isLabels = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((label) => typeof label === 'string' && /^[a-z0-9]{1,32}$/.test(label))

/** The text of a record. */
export function encodeRecord({ identity, messages, served, reply }: SessionRecord): string {
  const said = messages.map(({ request, payload, labels }) => [request, hex(payload), labels])
  return JSON.stringify({
    version: VERSION,
    identity,
    messages: said,
    served: hex(served),
    reply: hex(reply),
  })
}

/** The record of a text, or what is wrong with it. */
export function decodeRecord(text: string): SessionRecord | string {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return 'its record is no JSON'
  }
  if (typeof data !== 'object' || data === null) return 'its record is no object'
  const { version, identity, messages, served, reply } = data as Record<string, unknown>
  if (version !== VERSION)
    return `its record has version ${JSON.stringify(version)?.slice(0, 20)}, not ${VERSION}`
  if (typeof identity !== 'string' || !isHex(served) || !isHex(reply) || !Array.isArray(messages))
    return 'its record is malformed'
  if (messages.length > MAX_MESSAGES) return `its record has ${messages.length} messages`
  const said: KeptMessage[] = []
  for (const message of messages) {
    if (!Array.isArray(message) || message.length !== 3) return 'its record has a malformed message'
    const [request, payload, labels] = message as unknown[]
    if (typeof request !== 'number' || !KEPT_REQUESTS.has(request) || !isHex(payload) || !isLabels(labels))
      return 'its record has a malformed message'
    said.push({ request, payload: bytesOf(payload), labels })
  }
  return { identity, messages: said, served: bytesOf(served), reply: bytesOf(reply) }
}

function digest(number: number, text: Uint8Array): Buffer {
  return createHash('sha256').update(Uint32Array.of(number, text.length)).update(text).digest()
}

export class RecordFile {
  readonly fd: number
  #number = 0

  private constructor(fd: number) {
    this.fd = fd
  }

  /** A new file; it cannot be taken up before it is settled. */
  static create(): RecordFile {
    const file = new RecordFile(createSealedMemfd('ringferry-session', FILE_BYTES))
    file.#set(AT.MAGIC, MAGIC, 0, 1)
    return file
  }

  /** One that was handed over, owned from now on; or what is wrong with it. */
  static open(fd: number): RecordFile | string {
    const file = new RecordFile(fd)
    try {
      if (fileSize(fd) !== FILE_BYTES || file.#get(AT.MAGIC) !== MAGIC) return 'its record is none'
      return file
    } catch {
      return 'its record cannot be read'
    }
  }

  #set(at: number, ...values: number[]): void {
    writeSync(this.fd, Uint32Array.from(values), 0, values.length * 4, at)
  }

  #get(at: number): number {
    const value = new Uint32Array(1)
    readSync(this.fd, value, 0, 4, at)
    return value[0] as number
  }

  /** How often it was begun to take the connection up since that was last done. */
  get takeUps(): number {
    return this.#get(AT.TAKE_UPS)
  }
  set takeUps(count: number) {
    this.#set(AT.TAKE_UPS, count)
  }

  /** How often it was begun to serve the message at the head of the socket. */
  get serves(): number {
    return this.#get(AT.SERVES)
  }
  set serves(count: number) {
    this.#set(AT.SERVES, count)
  }

  /** Whether it must not be taken up: something of it is missing at the moment. */
  get isUnsettled(): boolean {
    return this.#get(AT.UNSETTLED) !== 0
  }
  set isUnsettled(on: boolean) {
    this.#set(AT.UNSETTLED, on ? 1 : 0)
  }

  /** Whether the message that was served last was taken off the socket, too. */
  get isTaken(): boolean {
    return this.#get(AT.TAKEN) === this.#number
  }

  /** The message that was served last is off the socket. */
  taken(): void {
    this.#set(AT.TAKEN, this.#number, 0)
  }

  /** Writes a record in place of the one before the last. Returns whether it fits. */
  write(record: SessionRecord): boolean {
    const text = Buffer.from(encodeRecord(record))
    if (text.length > SLOT_BYTES - SLOT_HEAD_BYTES) return false
    const number = this.#number + 1
    const head = Buffer.from(Uint32Array.of(number, text.length).buffer)
    const slot = Buffer.concat([head, digest(number, text), text])
    writeSync(this.fd, slot, 0, slot.length, HEAD_BYTES + (number % 2) * SLOT_BYTES)
    this.#number = number
    return true
  }

  #readSlot(slot: number): { readonly number: number; readonly text: Buffer } | undefined {
    const at = HEAD_BYTES + slot * SLOT_BYTES
    const head = Buffer.alloc(SLOT_HEAD_BYTES)
    readSync(this.fd, head, 0, SLOT_HEAD_BYTES, at)
    const [number, length] = [head.readUInt32LE(0), head.readUInt32LE(4)]
    if (number === 0 || length > SLOT_BYTES - SLOT_HEAD_BYTES) return undefined
    const text = Buffer.alloc(length)
    readSync(this.fd, text, 0, length, at + SLOT_HEAD_BYTES)
    return digest(number, text).equals(head.subarray(8)) ? { number, text } : undefined
  }

  /** The last record that is whole, or what is wrong. */
  read(): SessionRecord | string {
    const slots = [this.#readSlot(0), this.#readSlot(1)].filter((slot) => slot !== undefined)
    const [last] = slots.sort((a, b) => b.number - a.number)
    if (!last) return 'no record of it is whole'
    this.#number = last.number
    return decodeRecord(last.text.toString())
  }

  close(): void {
    closeFd(this.fd)
  }
}
