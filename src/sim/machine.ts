/** A model put together: processors, NICs, guests, the driver domain between them, and the programs. */
import { type Costs, costsOf } from './architecture.js'
import { Backend, threadOf } from './backend.js'
import { createScheduler } from './create-scheduler.js'
import { EventList } from './event-list.js'
import { Fifo } from './fifo.js'
import { Frames } from './frames.js'
import { Guest, type GuestSides } from './guest.js'
import type { Model, Traffic } from './model.js'
import { NicModel, type NicSides } from './nic.js'
import { OpenSource } from './open-source.js'
import { Others } from './others.js'
import { Processors } from './processors.js'
import type { Network, Program } from './program.js'
import { Requests } from './requests.js'
import { Streams } from './streams.js'
import type { Tap, TappedFrame } from './tap.js'
import { Tcp } from './tcp.js'

/** Cycles that a byte costs beside, when not all working sets lie in the cache: the share of them that does not. */
function missCycles({ host, vms }: Model): number {
  if (host.llcMb === 0) return 0
  const workingMb = vms.reduce((sum, { workingSetMb }) => sum + workingSetMb, 0)
  return workingMb <= host.llcMb ? 0 : host.missCyclesPerByte * (1 - host.llcMb / workingMb)
}

function makeProgram(
  traffic: Traffic,
  network: Network,
  flow: number,
  ports: readonly [number, number],
): Program {
  switch (traffic.kind) {
    case 'open':
      return new OpenSource(traffic, network, flow, ports)
    case 'tcp':
      return new Tcp(traffic, network, flow, ports)
    case 'requests':
      return new Requests(traffic, network, flow, ports)
  }
}

/** Ports are numbered: NICs first, then VMs. */
export class Machine {
  readonly model: Model
  readonly events = new EventList()
  readonly frames: Frames
  readonly streams: Streams
  readonly costs: Costs
  readonly processors: Processors
  readonly nics: NicModel[] = []
  readonly guests: Guest[] = []
  readonly programs: Program[] = []
  /** Threads of the driver domain; none where frames pass none. */
  readonly backends: readonly Backend[]
  /** Rings of NICs that guests have to themselves: to each guest, and of each NIC to the wire. */
  readonly #received: readonly Fifo[]
  readonly #leaving: readonly Fifo[]
  readonly #missCycles: number
  readonly #network: Network
  /** Whether a guest asks for the interrupts of its NICs. */
  readonly #isArmed: Uint8Array

  readonly #tap: Tap | undefined

  /** @param plane compiled from plane.wasm */
  constructor(model: Model, seed: number, plane: WebAssembly.Module, tap?: Tap) {
    this.model = model
    this.#tap = tap
    this.frames = new Frames(model.traffic.length)
    this.streams = new Streams(seed)
    this.costs = costsOf(model)
    this.#missCycles = missCycles(model)
    const { host, nics, vms } = model
    this.processors = new Processors(this.events, createScheduler(host), {
      cores: host.cores,
      switchNs: Math.round(this.costs.switchCycles / host.ghz),
      wakeNs: Math.round(host.wakeUs * 1000),
    })
    this.backends = Array.from(
      { length: this.costs.hasDriverDomain ? model.driverThreads : 0 },
      (_, thread) => new Backend(thread, model, plane, this.frames),
    )
    this.#received = vms.map(() => new Fifo(1024))
    this.#leaving = nics.map(() => new Fifo(1024))
    this.#isArmed = new Uint8Array(vms.length).fill(1)
    this.#network = {
      events: this.events,
      frames: this.frames,
      streams: this.streams,
      send: (frame, nowNs) => this.#send(frame, nowNs),
      work: (port, ns) => this.guests[port - nics.length]?.work(ns),
    }
    for (const [at, nic] of nics.entries()) this.#addNic(at, nic.name)
    for (const at of vms.keys()) this.#addGuest(at)
    for (const backend of this.backends) this.#startBackend(backend)
    this.#addOthers()
    for (const [flow, traffic] of model.traffic.entries())
      this.programs.push(
        makeProgram(traffic, this.#network, flow, [this.portOf(traffic.from), this.portOf(traffic.to)]),
      )
  }

  /** Threads that nobody has named, on each processor. */
  #addOthers(): void {
    const { events, processors, streams } = this
    const { cores, othersPerS: perS, othersUs: meanUs } = this.model.host
    if (perS === 0) return
    for (let core = 0; core < cores; core++)
      new Others({ events, processors, stream: streams.stream(`others ${core}`), core, perS, meanUs })
  }

  portOf(name: string): number {
    const { nics, vms } = this.model
    const nic = nics.findIndex((each) => each.name === name)
    return nic >= 0 ? nic : nics.length + vms.findIndex((each) => each.name === name)
  }

  /** Starts all programs. */
  start(): void {
    for (const program of this.programs) program.start()
  }

  #send(frame: number, nowNs: number): boolean {
    const from = this.frames.from[frame]!
    const nics = this.nics.length
    if (from >= nics) return this.guests[from - nics]!.queue(frame, nowNs)
    this.nics[from]!.fromPeer(frame, nowNs)
    return true
  }

  #deliver(frame: number, nowNs: number): void {
    this.programs[this.frames.flow[frame]!]!.deliver(frame, nowNs)
  }

  #addNic(at: number, name: string): void {
    const nic = this.model.nics[at]!
    const loss = this.streams.stream(`nic ${name}/loss`)
    const lossOf = this.model.traffic.map((traffic) => (traffic.kind === 'tcp' ? traffic.loss : 0))
    const shared = {
      peer: (frame: number, nowNs: number) => this.#deliver(frame, nowNs),
      lost: (frame: number) => this.frames.release(frame),
      loses: (frame: number) => {
        const share = lossOf[this.frames.flow[frame]!]!
        return share > 0 && loss.uniform() < share
      },
    }
    const sides = this.backends.length > 0 ? this.#bridged(at) : this.#direct(at)
    this.nics.push(
      new NicModel(this.events, this.frames, nic, { ...shared, ...this.#tappedNic(name, sides) }),
    )
  }

  /** The thread that serves a port. */
  #backendOf(port: number): Backend {
    return this.backends[threadOf(port - this.model.nics.length, this.model)]!
  }

  #bridged(at: number) {
    const { backends } = this
    const nics = this.model.nics.length
    const { driverThreads } = this.model
    let turn = 0
    return {
      queues: driverThreads,
      queueOf: (frame: number) => (this.frames.to[frame]! - nics) % driverThreads,
      receive: (frame: number, queue: number) => {
        const { rings } = backends[queue]!
        if (rings.room(at) <= 0) return false
        rings.send(at, frame)
        return true
      },
      interrupt: (nowNs: number, queue: number) => {
        const { driver } = backends[queue]!
        const isWanted = driver.wantsKicks
        if (isWanted) driver.interrupted()
        driver.arrived(nowNs)
        return isWanted
      },
      // Its transmit queues take turns.
      take: () => {
        for (let tries = 0; tries < driverThreads; tries++) {
          const { rings } = backends[turn]!
          turn = turn + 1 === driverThreads ? 0 : turn + 1
          const frame = rings.receive(at)
          if (rings.visible(at) === 0) rings.arm(at)
          if (frame >= 0) return frame
        }
        return -1
      },
    }
  }

  #direct(at: number) {
    const nics = this.model.nics
    return {
      queues: 1,
      queueOf: () => 0,
      receive: (frame: number) => {
        const queue = this.#received[this.frames.to[frame]! - nics.length]!
        if (queue.size >= nics[at]!.ringFrames * nics.length) return false
        queue.push(frame)
        return true
      },
      interrupt: (nowNs: number) => {
        let isAny = false
        for (const [guest, queue] of this.#received.entries()) {
          if (queue.size === 0 || this.#isArmed[guest] === 0) continue
          this.#isArmed[guest] = 0
          this.guests[guest]!.called(nowNs)
          isAny = true
        }
        return isAny
      },
      take: () => (this.#leaving[at]!.size > 0 ? this.#leaving[at]!.shift() : -1),
    }
  }

  #addGuest(at: number): void {
    const { vms, host, nics } = this.model
    const vm = vms[at]!
    const cores = vm.cores.length > 0 ? vm.cores : Array.from({ length: host.cores }, (_, core) => core)
    const parts = {
      events: this.events,
      processors: this.processors,
      frames: this.frames,
      costs: this.costs,
      ghz: host.ghz,
      missCycles: this.#missCycles,
      hasNic: this.backends.length === 0,
    }
    const deliver = (frame: number, nowNs: number): void => this.#deliver(frame, nowNs)
    const port = nics.length + at
    const sides =
      this.backends.length > 0
        ? this.#bridgedGuest(port, deliver)
        : {
            receive: () => (this.#received[at]!.size > 0 ? this.#received[at]!.shift() : -1),
            arm: () => {
              this.#isArmed[at] = 1
              return this.#received[at]!.size === 0
            },
            room: () =>
              nics.reduce(
                (room, nic, each) => Math.min(room, nic.ringFrames - this.#leaving[each]!.size),
                1e9,
              ),
            send: (frame: number) => this.#leaving[this.frames.to[frame]!]!.push(frame),
            sent: () => {
              for (const nic of this.nics) nic.send()
              return false
            },
            deliver,
          }
    this.guests.push(new Guest(vm, cores, parts, this.#tappedGuest(vm.name, sides)))
  }

  /** Tells the tap of a frame that crosses its port. */
  #tell(frame: number, direction: TappedFrame['direction']): void {
    const { from, to, flow, bytes, urgent } = this.frames
    this.#tap?.frame(
      {
        ...{ direction, from: from[frame]!, to: to[frame]!, flow: flow[frame]!, bytes: bytes[frame]! },
        isUrgent: urgent[frame] === 1,
      },
      this.events.nowNs,
    )
  }

  /** A NIC's sides, told to the tap where it looks at this one. */
  #tappedNic<Sides extends Pick<NicSides, 'receive' | 'take'>>(name: string, sides: Sides): Sides {
    if (this.#tap?.port !== name) return sides
    return {
      ...sides,
      receive: (frame: number, queue: number) => {
        const isIn = sides.receive(frame, queue)
        if (isIn) this.#tell(frame, 'ingress')
        return isIn
      },
      take: () => {
        const frame = sides.take()
        if (frame >= 0) this.#tell(frame, 'egress')
        return frame
      },
    }
  }

  #tappedGuest<Sides extends Pick<GuestSides, 'receive' | 'send'>>(name: string, sides: Sides): Sides {
    if (this.#tap?.port !== name) return sides
    return {
      ...sides,
      receive: () => {
        const frame = sides.receive()
        if (frame >= 0) this.#tell(frame, 'egress')
        return frame
      },
      send: (frame: number) => {
        this.#tell(frame, 'ingress')
        return sides.send(frame)
      },
    }
  }

  #bridgedGuest(port: number, deliver: GuestSides['deliver']): GuestSides {
    const backend = this.#backendOf(port)
    const { rings } = backend
    return {
      receive: () => rings.receive(port),
      arm: () => {
        rings.arm(port)
        return rings.visible(port) === 0
      },
      room: () => rings.room(port),
      send: (frame: number) => rings.send(port, frame),
      sent: (nowNs: number) => {
        const isKick = backend.driver.wantsKicks
        backend.driver.arrived(nowNs)
        return isKick
      },
      deliver,
    }
  }

  #startBackend(backend: Backend): void {
    const { events, processors, frames, costs } = this
    const nics = this.model.nics.length
    backend.start({
      ...{ events, processors, frames, costs },
      missCycles: this.#missCycles,
      onCall: (port, nowNs) =>
        port < nics ? this.nics[port]!.send() : this.guests[port - nics]!.called(nowNs),
      onShown: (port) => {
        if (port < nics) this.nics[port]!.send()
      },
      onTaken: (port, nowNs) => {
        if (port >= nics) this.guests[port - nics]!.hasRoom(nowNs)
      },
    })
  }
}
