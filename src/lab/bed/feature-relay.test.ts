import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  acceptUnix,
  closeFd,
  connectUnix,
  listenUnix,
  type Received,
  receiveWithFds,
  sendWithFds,
} from '../../sys/unix-socket.js'
import { REQUEST } from '../../vhost-user/requests.js'
import { FeatureRelay, maskFeatures } from './feature-relay.js'

function message(request: number, ...words: bigint[]): Uint8Array {
  const bytes = new Uint8Array(12 + words.length * 8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, request, true)
  view.setUint32(8, words.length * 8, true)
  for (const [index, word] of words.entries()) view.setBigUint64(12 + index * 8, word, true)
  return bytes
}

async function until<T>(read: () => T | undefined): Promise<T> {
  let value: T | undefined
  await expect
    .poll(
      () => {
        value ??= read()
        return value !== undefined
      },
      { timeout: 20_000, interval: 2 },
    )
    .toBe(true)
  return value as T
}

describe('maskFeatures', () => {
  it('maskFeatures takes features out of a reply to GET_FEATURES and leaves others', () => {
    const reply = message(REQUEST.GET_FEATURES, 0xffn)
    maskFeatures(reply, 0x0fn)
    expect(reply).toEqual(message(REQUEST.GET_FEATURES, 0x0fn))
    const other = message(REQUEST.GET_PROTOCOL_FEATURES, 0xffn)
    maskFeatures(other, 0n)
    expect(other).toEqual(message(REQUEST.GET_PROTOCOL_FEATURES, 0xffn))
    const short = message(REQUEST.GET_FEATURES)
    maskFeatures(short, 0n)
    expect(short).toEqual(message(REQUEST.GET_FEATURES))
  })
})

describe('FeatureRelay', () => {
  let folder: string
  let listening: number
  let relay: FeatureRelay
  let guest: number
  let backend: number
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relay-'))
    listening = listenUnix(join(folder, 'backend'))
    relay = new FeatureRelay(join(folder, 'guest'), join(folder, 'backend'), 0x0fn)
    guest = connectUnix(join(folder, 'guest'))
    backend = await until(() => {
      const fd = acceptUnix(listening)
      return fd < 0 ? undefined : fd
    })
  })
  afterEach(() => {
    relay.close()
    for (const fd of [guest, backend, listening]) closeFd(fd)
    rmSync(folder, { recursive: true, force: true })
  })

  it('FeatureRelay masks the offer on its way to the guest', async () => {
    sendWithFds(backend, message(REQUEST.GET_FEATURES, 0xf5n))
    const { bytes } = await until<Received>(() => receiveWithFds(guest, 4096))
    expect(bytes).toEqual(message(REQUEST.GET_FEATURES, 0x05n))
  })

  it('FeatureRelay keeps descriptors with the message they came with', async () => {
    const file = openSync('/dev/null', 'r+')
    sendWithFds(guest, message(REQUEST.SET_OWNER))
    sendWithFds(guest, message(REQUEST.SET_VRING_KICK, 1n), [file])
    const first = await until<Received>(() => receiveWithFds(backend, 12))
    const second = await until<Received>(() => receiveWithFds(backend, 4096))
    expect(first.fds).toEqual([])
    expect(second.bytes).toEqual(message(REQUEST.SET_VRING_KICK, 1n))
    expect(second.fds).toHaveLength(1)
    expect(fstatSync(second.fds[0]!).rdev).toBe(fstatSync(file).rdev)
    closeFd(second.fds[0]!)
    closeSync(file)
  })

  it('FeatureRelay hangs up on one end when the other does, and takes the next guest', async () => {
    closeFd(guest)
    const { closed } = await until<Received>(() => receiveWithFds(backend, 12))
    expect(closed).toBe(true)
    guest = connectUnix(join(folder, 'guest'))
    closeFd(backend)
    backend = await until(() => {
      const fd = acceptUnix(listening)
      return fd < 0 ? undefined : fd
    })
    sendWithFds(guest, message(REQUEST.SET_OWNER))
    expect((await until<Received>(() => receiveWithFds(backend, 12))).bytes).toEqual(
      message(REQUEST.SET_OWNER),
    )
  })

  it('FeatureRelay hangs up on a message of absurd length', async () => {
    const bytes = message(REQUEST.SET_OWNER)
    new DataView(bytes.buffer).setUint32(8, 0x7fffffff, true)
    sendWithFds(guest, bytes)
    expect((await until<Received>(() => receiveWithFds(guest, 12))).closed).toBe(true)
  })
})
