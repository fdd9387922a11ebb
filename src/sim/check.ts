/** What no model can be: found before anything runs, one line each. */
import { RingferryError } from '../errors/errors.js'
import { pathText } from '../errors/setting-error.js'
import { didYouMean } from '../errors/suggestion.js'
import { costsOf } from './architecture.js'
import { threadOf } from './backend.js'
import type { Model, OpenTraffic, Traffic } from './model.js'
import { wireBytes } from './nic.js'
import { meanFrameBytes } from './open-source.js'
import { MOST_CORES } from './processors.js'

/** A model that cannot be; `path` says where in it. */
export class ModelError extends RingferryError {
  readonly path: readonly PropertyKey[]

  constructor(path: readonly PropertyKey[], problem: string) {
    super('CONFIG', `${pathText(path)}: ${problem}`)
    this.path = path
  }
}

/** Rows of the plane's port table, as many as there are. */
const MOST_PORTS = 128
/** Most of a processor that threads which are not modelled may take. */
const MOST_OTHERS = 0.9

function inRange(value: number, low: number, high: number, path: readonly PropertyKey[]): void {
  if (!(value >= low && value <= high))
    throw new ModelError(path, `is ${value}; it must be from ${low} to ${high}`)
}

function checkEnds({ nics, vms }: Model, traffic: Traffic, at: number): void {
  const names = [...nics, ...vms].map(({ name }) => name)
  for (const end of ['from', 'to'] as const)
    if (!names.includes(traffic[end]))
      throw new ModelError(
        ['traffic', at, end],
        `there is no VM or NIC "${traffic[end]}"${didYouMean(traffic[end], names)}; there are: ${names.join(', ')}`,
      )
  const isNic = (name: string): boolean => nics.some((nic) => nic.name === name)
  if (traffic.from === traffic.to)
    throw new ModelError(['traffic', at, 'to'], `is "${traffic.to}", where it comes from`)
  if (isNic(traffic.from) && isNic(traffic.to))
    throw new ModelError(['traffic', at], 'goes from NIC to NIC, past all VMs; one end must be a VM')
}

/** A wire that is offered more than it carries loses the rest: no delay of it means anything. */
function checkLineRate({ nics, traffic }: Model): void {
  for (const { name, gbps } of nics)
    for (const end of ['from', 'to'] as const) {
      const open = traffic.filter((each): each is OpenTraffic => each.kind === 'open' && each[end] === name)
      const offered =
        open.reduce((sum, each) => sum + each.rateFps * wireBytes(meanFrameBytes(each), 1) * 8, 0) / 1e9
      if (offered <= gbps * 1.000001) continue
      const at = traffic.indexOf(open[0]!)
      throw new ModelError(
        ['traffic', at, 'rateFps'],
        `${offered.toPrecision(4)} Gb/s are offered ${end === 'from' ? 'by' : 'to'} "${name}", whose line rate is ${gbps} Gb/s; offer less, or raise gbps`,
      )
    }
}

function checkTraffic(model: Model, traffic: Traffic, at: number): void {
  const path = (name: string): readonly PropertyKey[] => ['traffic', at, name]
  checkEnds(model, traffic, at)
  if (traffic.kind === 'open') {
    inRange(traffic.rateFps, 1e-3, 1e9, path('rateFps'))
    inRange(traffic.urgentShare, 0, 1, path('urgentShare'))
    if (traffic.frameBytes !== 'imix') inRange(traffic.frameBytes, 14, 65_536, path('frameBytes'))
    return
  }
  inRange(traffic.connections, 1, 10_000, path('connections'))
  if (traffic.kind === 'requests') {
    inRange(traffic.requestBytes, 1, 1e8, path('requestBytes'))
    inRange(traffic.answerBytes, 1, 1e8, path('answerBytes'))
    inRange(traffic.serviceUs, 0, 1e7, path('serviceUs'))
    inRange(traffic.thinkUs, 0, 1e9, path('thinkUs'))
    return
  }
  inRange(traffic.loss, 0, 0.5, path('loss'))
  inRange(traffic.segmentBytes, 1, 65_000, path('segmentBytes'))
  inRange(traffic.windowBytes, traffic.segmentBytes, 1e9, path('windowBytes'))
  inRange(traffic.offloadBytes, traffic.segmentBytes, 65_000, path('offloadBytes'))
  inRange(traffic.ackEvery, 1, 64, path('ackEvery'))
}

/** Each thread of the driver domain needs a processor, a queue of each NIC, and VMs that talk to NICs or to each other. */
function checkThreads(model: Model): void {
  const { host, nics, vms, traffic, driverCore, driverThreads } = model
  inRange(driverCore, 0, host.cores - 1, ['driverCore'])
  inRange(driverThreads, 1, host.cores - driverCore, ['driverThreads'])
  for (const [at, { queues, name }] of nics.entries()) {
    inRange(queues, 1, 1024, ['nics', at, 'queues'])
    if (queues < driverThreads)
      throw new ModelError(
        ['nics', at, 'queues'],
        `"${name}" has ${queues}; the driver domain has ${driverThreads} threads, and each takes a queue of its own`,
      )
  }
  const vmOf = (name: string): number => vms.findIndex((vm) => vm.name === name)
  for (const [at, { from, to }] of traffic.entries()) {
    const [one, other] = [vmOf(from), vmOf(to)]
    if (one < 0 || other < 0 || threadOf(one, model) === threadOf(other, model)) continue
    throw new ModelError(
      ['traffic', at],
      `"${from}" and "${to}" are served by different threads of the driver domain, which share no VM: set driverThreads to 1, or send through a NIC`,
    )
  }
}

/** Throws a ModelError (CONFIG) for the first thing that cannot be. */
export function checkModel(model: Model): void {
  const { host, nics, vms, traffic } = model
  inRange(host.cores, 1, MOST_CORES, ['host', 'cores'])
  inRange(host.ghz, 0.01, 100, ['host', 'ghz'])
  inRange(host.llcMb, 0, 1e6, ['host', 'llcMb'])
  inRange(host.missCyclesPerByte, 0, 1e3, ['host', 'missCyclesPerByte'])
  inRange(host.wakeUs, 0, 1e6, ['host', 'wakeUs'])
  inRange(host.othersPerS, 0, 1e6, ['host', 'othersPerS'])
  inRange(host.othersUs, 0.001, 1e6, ['host', 'othersUs'])
  if (host.othersPerS * host.othersUs >= MOST_OTHERS * 1e6)
    throw new ModelError(
      ['host', 'othersPerS'],
      `${host.othersPerS} stretches of ${host.othersUs} us a second take ${Math.round((host.othersPerS * host.othersUs) / 1e4)} % of each processor; at most ${MOST_OTHERS * 100} % leaves something to model`,
    )
  checkThreads(model)
  inRange(model.measureMs, 0.001, 1e9, ['measureMs'])
  inRange(model.warmUpMs, 0, 1e9, ['warmUpMs'])
  inRange(model.budget, 0.01, 1, ['budget'])
  if (vms.length === 0) throw new ModelError(['vms'], 'there is none; a model has at least one')
  if (traffic.length === 0) throw new ModelError(['traffic'], 'there is none: nothing would happen')
  if (nics.length + vms.length > MOST_PORTS)
    throw new ModelError(['vms'], `${nics.length + vms.length} VMs and NICs; at most ${MOST_PORTS} together`)
  const names = [...nics, ...vms].map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new ModelError(['vms'], `two VMs or NICs are called "${twice}"`)
  for (const [at, nic] of nics.entries()) {
    inRange(nic.gbps, 1e-3, 1e4, ['nics', at, 'gbps'])
    inRange(nic.ringFrames, 1, 65_536, ['nics', at, 'ringFrames'])
    inRange(nic.moderationUs, 0, 1e6, ['nics', at, 'moderationUs'])
    inRange(nic.wireUs, 0, 1e7, ['nics', at, 'wireUs'])
  }
  for (const [at, vm] of vms.entries()) {
    inRange(vm.targetUs, 1, 1e7, ['vms', at, 'targetUs'])
    inRange(vm.weight, 1e-3, 1e6, ['vms', at, 'weight'])
    inRange(vm.cap, 0, 1, ['vms', at, 'cap'])
    inRange(vm.ringFrames, 1, 65_536, ['vms', at, 'ringFrames'])
    inRange(vm.queueFrames, 1, 1e6, ['vms', at, 'queueFrames'])
    inRange(vm.spinUs, 0, 1e6, ['vms', at, 'spinUs'])
    inRange(vm.workingSetMb, 0, 1e6, ['vms', at, 'workingSetMb'])
    inRange(vm.computes, 0, 1, ['vms', at, 'computes'])
    for (const core of vm.cores) inRange(core, 0, host.cores - 1, ['vms', at, 'cores'])
  }
  for (const [at, each] of traffic.entries()) checkTraffic(model, each, at)
  checkLineRate(model)
  costsOf(model)
}
