/** A vhost-user session over a socket pair: a device that writes down what it is told, and the frontend's side. */
import { readdirSync, readlinkSync } from 'node:fs'
import { afterEach, beforeEach, expect } from 'vitest'
import { GuestMemory } from '../../src/driver/guest-memory.js'
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { closeFd, socketPair } from '../../src/sys/unix-socket.js'
import type { GuestRegion, LogArea, VhostUserDevice } from '../../src/vhost-user/device.js'
import { SESSION_PROTOCOL_FEATURES } from '../../src/vhost-user/request-handler.js'
import { VhostUserSession } from '../../src/vhost-user/session.js'
import { VIRTIO_F, VIRTIO_NET_F } from '../../src/virtio/virtio.js'

export const FEATURES =
  VIRTIO_F.VERSION_1 |
  VIRTIO_F.EVENT_IDX |
  VIRTIO_F.VHOST_F_LOG_ALL |
  VIRTIO_NET_F.MRG_RXBUF |
  VIRTIO_NET_F.MQ

/** Writes down what it is told, as a device would do it, and closes what it is given. */
export class RecordingDevice implements VhostUserDevice {
  readonly maxQueuePairs = 2
  readonly maxMemorySlots = 3
  readonly calls: [string, ...unknown[]][] = []
  readonly fds: number[] = []
  regions: GuestRegion[] = []
  protocol = SESSION_PROTOCOL_FEATURES
  status = 0
  reasons: string[] = []
  violation: string | undefined
  #note(name: string, ...args: unknown[]): string | undefined {
    this.calls.push([name, ...args])
    return this.violation
  }
  #keep(fd: number): boolean {
    if (fd >= 0) this.fds.push(fd)
    return fd >= 0
  }
  named(name: string): unknown[][] {
    return this.calls.filter((call) => call[0] === name).map((call) => call.slice(1))
  }
  offeredFeatures = () => FEATURES
  offeredProtocolFeatures = () => this.protocol
  setFeatures = (features: bigint) => this.#note('features', features)
  setMemory(regions: readonly GuestRegion[]): string | undefined {
    for (const region of regions) this.#keep(region.fd)
    this.regions = [...regions]
    return this.#note('memory', regions.length)
  }
  addMemory(region: GuestRegion): string | undefined {
    this.#keep(region.fd)
    return this.#note('add', region.guestAddress)
  }
  removeMemory = (at: number) => this.#note('remove', at)
  setLog(log: LogArea): string | undefined {
    this.#keep(log.fd)
    return this.#note('log', log.sizeBytes, log.fileOffset)
  }
  setLogCall = (fd: number) => this.#note('log call', this.#keep(fd))
  setVringSize = (ring: number, size: number) => this.#note('size', ring, size)
  setVringBase = (ring: number, base: number) => this.#note('base', ring, base)
  setVringAddresses = (ring: number, addresses: object) => this.#note('addresses', ring, addresses)
  setVringKick = (ring: number, fd: number) => this.#note('kick', ring, this.#keep(fd))
  setVringCall = (ring: number, fd: number) => this.#note('call', ring, this.#keep(fd))
  setVringErr = (ring: number, fd: number) => this.#note('err', ring, this.#keep(fd))
  setVringEnable = (ring: number, on: boolean) => this.#note('enable', ring, on)
  stopVring(ring: number): number {
    this.#note('stop', ring)
    return 41 + ring
  }
  readConfig = (offset: number, size: number) => Uint8Array.from({ length: size }, (_, i) => offset + i)
  writeConfig(offset: number, bytes: Uint8Array, migration: boolean): boolean {
    this.#note('config', offset, [...bytes], migration)
    return migration
  }
  resetDevice = () => this.#note('reset')
  setStatus(status: number): string | undefined {
    this.status = status
    return undefined
  }
  getStatus = () => this.status
  sendRarp = (mac: Uint8Array) => this.#note('rarp', [...mac]) === undefined
  setMtu = (mtu: number) => mtu <= 9000
  takeUp = () => {}
  repeatCommand = (command: Uint8Array) => this.#note('command', ...command) === undefined
  onDetach(reason: string): void {
    this.reasons.push(reason)
    for (const fd of this.fds.splice(0)) closeFd(fd)
  }
}

export function openFds(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`]
    } catch {
      return []
    }
  })
}

/** Memory files and eventfds; sockets of the test runner come and go. */
export const passedFiles = (): string[] => openFds().filter((file) => /memfd|eventfd/.test(file))

/** What a test of sessions works with; new in every test of a file that calls useSession(). */
export let device: RecordingDevice
export let session: VhostUserSession
/** Has the session served while it waits for a reply. */
export let frontend: VhostUserFrontend
/** Two regions of 1 MB, not announced yet. */
export let memory: GuestMemory

/** Gives every test of the file a session with its frontend, and expects that nothing of it stays open. */
export function useSession(): void {
  let filesBefore: string[]
  beforeEach(() => {
    filesBefore = passedFiles()
    device = new RecordingDevice()
    const [backend, front] = socketPair()
    session = new VhostUserSession(backend, device)
    frontend = new VhostUserFrontend(front, { pump: () => session.onReadable(), tries: 100 })
    memory = new GuestMemory([
      { guestAddress: 0, sizeBytes: 1 << 20 },
      { guestAddress: 2 ** 32, sizeBytes: 1 << 20 },
    ])
  })
  afterEach(() => {
    frontend.close()
    session.close('the test is over')
    memory.close()
    expect(passedFiles()).toEqual(filesBefore)
  })
}

/** The frontend hangs up; one that nobody serves takes its place. */
export function hangUp(): void {
  frontend.close()
  frontend = new VhostUserFrontend(socketPair()[0])
}

/** Lets the session work until nothing waits. */
export function serve(): void {
  while (session.onReadable());
}

export const ALL = (1n << 64n) - 1n
