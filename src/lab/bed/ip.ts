/** The host's network devices, by the ip command. Every device is removed with its bed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { RingferryError } from '../../errors/errors.js'
import { findInstalled } from '../guest/tools.js'
import type { Undo } from './undo.js'

const run = promisify(execFile)
const LIMIT_MS = 15_000

/** Runs `ip`. Throws NOT_FOUND, PERMISSION or SYSCALL in one line. */
export async function ip(command: string): Promise<void> {
  const path = findInstalled('ip')
  if (!path)
    throw new RingferryError('NOT_FOUND', 'the ip command is missing; run "apt-get install iproute2"')
  try {
    await run(path, command.split(' '), { timeout: LIMIT_MS })
  } catch (error) {
    const words = String((error as { stderr?: string }).stderr || error).trim()
    const code = /not permitted/i.test(words) ? 'PERMISSION' : 'SYSCALL'
    throw new RingferryError(code, `ip ${command}: ${words.replaceAll('\n', ' | ')}`, { cause: error })
  }
}

/** Adds a device and undoes it with the bed. One of its namespace's end is gone by itself: that is no error. */
async function add(name: string, command: string, undo: Undo): Promise<void> {
  await ip(command)
  undo.add(() => ip(`link del dev ${name}`))
  undo.watchLink(name)
}

/** A device of the host that speaks no IPv6 of its own: what crosses a switch is the VMs' traffic. */
async function silence(name: string): Promise<void> {
  await ip(`link set dev ${name} addrgenmode none`)
}

/** A bridge that forwards at once. */
export async function addBridge(name: string, undo: Undo): Promise<void> {
  await add(name, `link add ${name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`, undo)
  await silence(name)
  await ip(`link set dev ${name} up`)
}

/** A TAP that lasts until the bed ends. @param vnetHeader frames cross it with offloads */
export async function addTap(name: string, vnetHeader: boolean, undo: Undo): Promise<void> {
  await add(name, `tuntap add dev ${name} mode tap${vnetHeader ? ' vnet_hdr' : ''}`, undo)
  await silence(name)
}

/** A pair of devices: what goes in at one comes out at the other. */
export async function addPair(outer: string, inner: string, undo: Undo): Promise<void> {
  await add(outer, `link add ${outer} type veth peer name ${inner}`, undo)
  await silence(outer)
}
