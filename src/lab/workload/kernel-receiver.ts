/**
 * Where the workload `frames` ends at a guest with a kernel: the addresses that the generator sends to, and a program that
 * takes what comes. How long a frame took is not known there: the guest's clock is its own.
 */
import { BENCHMARK_NETWORK, benchmarkAddress, MEASURED_PORT } from '../../embedded/frames.js'
import type { BedVm } from '../bed/bed.js'
import { GuestProgram } from './program.js'
import type { DatagramSinkReport, DatagramSinkSettings } from './programs/datagram-sink.js'
import { commandFailed } from './server.js'
import type { LoadWindow } from './workload.js'

const NOBODY = `${BENCHMARK_NETWORK.join('.')}.255.254`
const NETWORK = `${BENCHMARK_NETWORK.join('.')}.0.0/15`

/** Gives a guest with a kernel the address that generators know it by. Throws GUEST. */
export async function addressKernel(vm: BedVm): Promise<string> {
  const [device] = vm.interfaces
  const address = benchmarkAddress(vm.macs[0] as string)
  // There already when the bed has measured before.
  const command = `{ ip addr add ${address}/32 dev ${device}; ip route add ${NETWORK} dev ${device}; } 2>/dev/null; ip addr | grep -q 'inet ${address}'`
  const made = await vm.guest.run(command)
  if (made.code !== 0) throw commandFailed(vm, command, made)
  return address
}

export class KernelReceiver {
  readonly #program: GuestProgram

  private constructor(program: GuestProgram) {
    this.#program = program
  }

  /** Throws UNSUPPORTED, NOT_FOUND, GUEST. */
  static async start(vm: BedVm, slot: number): Promise<KernelReceiver> {
    const address = await addressKernel(vm)
    const settings: DatagramSinkSettings = { address, port: MEASURED_PORT, nobody: NOBODY }
    return new KernelReceiver(await GuestProgram.start(vm, slot, 'datagram-sink', settings))
  }

  measure(window: LoadWindow): Promise<DatagramSinkReport> {
    return this.#program.measure<DatagramSinkReport>(window)
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}
