/** Models that people write: read, checked with places, and made complete. */
import { check, firstMistake } from '../config/schema-check.js'
import { readTextFile } from '../config/text-file.js'
import { type Path, parsePlaced } from '../config/yaml-place.js'
import { RingferryError } from '../errors/errors.js'
import { checkModel, ModelError } from '../sim/check.js'
import type { Arrivals, Model, Traffic, Vm } from '../sim/model.js'
import { wireBytes } from '../sim/nic.js'
import { meanFrameBytes } from '../sim/open-source.js'
import { type ModelFile, modelSchema } from './model-schema.js'
import { type Plain, plainTraffic, type RunTraffic } from './plain-traffic.js'
import { atRate, readTrace, type Trace } from './trace-arrivals.js'

/** A model file. */
export interface LoadedModel {
  readonly file: ModelFile
  /** The data as written: a sweep changes them. */
  readonly data: unknown
  /** The model; its warm-up is 0 where the file says "auto". */
  readonly model: Model
}

/** Where a thing of the model stands in the file, where one entry may have become several. */
interface Origins {
  readonly vms: readonly number[]
  readonly traffic: readonly number[]
}

type FileTraffic = RunTraffic
type FileVm = ModelFile['vms'][number]

/** The VMs of an entry: itself, or as many as it counts. */
function namesOf({ name, count }: FileVm): string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, at) => `${name}${at + 1}`)
}

type Traces = ReadonlyMap<string, Trace>

/** Captures that the file names. Throws NOT_FOUND, PERMISSION, USAGE. */
async function readTraces(traffic: readonly FileTraffic[]): Promise<Traces> {
  const traces = new Map<string, Trace>()
  for (const entry of traffic)
    if (entry.kind === 'open' && entry.arrivals.kind === 'trace')
      traces.set(entry.arrivals.file, await readTrace(entry.arrivals.file))
  return traces
}

type OpenEntry = Extract<FileTraffic, { kind: 'open' }>

/** Frames a second of each pair that, all together, are a share of a NIC's line rate. */
function rateOfLoad({ load, frameBytes }: OpenEntry, gbps: number, pairs: number): number {
  const bytes = wireBytes(meanFrameBytes({ frameBytes, arrivals: { kind: 'poisson' } }), 1)
  return ((load ?? 0) * gbps * 1e9) / (bytes * 8) / pairs
}

function makeArrivals(
  { arrivals, rateFps = 0 }: OpenEntry,
  traces: Traces,
): { arrivals: Arrivals; rateFps: number } {
  if (arrivals.kind !== 'trace') return { arrivals, rateFps }
  const { rateFps: rate, ...trace } = atRate(traces.get(arrivals.file)!, rateFps || undefined)
  return { arrivals: { kind: 'trace', ...trace }, rateFps: rate }
}

function makeTraffic(
  entry: FileTraffic,
  [from, to]: readonly [string, string],
  { pairs, gbps, traces }: { readonly pairs: number; readonly gbps: number; readonly traces: Traces },
): Traffic {
  const alone = pairs === 1
  const label =
    entry.label === undefined ? `${from} to ${to}` : alone ? entry.label : `${entry.label} ${from} to ${to}`
  const shared = { label, from, to }
  switch (entry.kind) {
    case 'open': {
      const { load, ...open } = entry
      const rate = load === undefined ? {} : { rateFps: rateOfLoad(entry, gbps, pairs) }
      return { ...open, ...shared, ...makeArrivals({ ...entry, ...rate }, traces) }
    }
    case 'tcp':
      return { ...entry, ...shared, offloadBytes: entry.offloadBytes ?? entry.segmentBytes }
    case 'requests':
      return { ...entry, ...shared }
  }
}

function complete(
  file: ModelFile,
  plain: Plain,
  traces: Traces,
): { readonly model: Model; readonly origins: Origins } {
  const vms: Vm[] = []
  const origins = { vms: [] as number[], traffic: [] as number[] }
  const members = new Map<string, readonly string[]>()
  for (const [at, entry] of file.vms.entries()) {
    const { count, ...vm } = entry
    const names = namesOf(entry)
    const computes = Math.max(vm.computes, plain.computes.get(entry.name) ?? 0)
    members.set(entry.name, names)
    for (const name of names) {
      vms.push({ ...vm, name, computes })
      origins.vms.push(at)
    }
  }
  const traffic: Traffic[] = []
  for (const { entry: at, ...entry } of plain.traffic) {
    const ends = (name: string): readonly string[] => members.get(name) ?? [name]
    const pairs = ends(entry.from).flatMap((from) => ends(entry.to).map((to) => [from, to] as const))
    const gbps = file.nics.find(({ name }) => name === entry.from || name === entry.to)?.gbps ?? 0
    for (const [from, to] of pairs) {
      traffic.push(makeTraffic(entry, [from, to], { pairs: pairs.length, gbps, traces }))
      origins.traffic.push(at)
    }
  }
  const { replications, sweep, warmUpMs, policy, calibration, ...rest } = file
  const model: Model = {
    ...rest,
    policy: policy as Model['policy'],
    vms,
    traffic,
    warmUpMs: warmUpMs === 'auto' ? 0 : warmUpMs,
  }
  return { model, origins }
}

/** A place in the model as a place in the file. */
function inFile(path: Path, origins: Origins): Path {
  const [head, at, ...rest] = path
  if ((head === 'vms' || head === 'traffic') && typeof at === 'number')
    return [head, origins[head][at] ?? 0, ...rest]
  return path
}

/** What is wrong with how an entry says its rate, or undefined. */
function rateProblem({ rateFps, load, arrivals, from, to }: OpenEntry, file: ModelFile): string | undefined {
  if (load === undefined)
    return rateFps === undefined && arrivals.kind !== 'trace'
      ? 'rateFps is missing; give it, or load: a share of line rate'
      : undefined
  if (rateFps !== undefined) return 'load and rateFps are both given; give one'
  if (arrivals.kind === 'trace') return 'load: a trace has a rate of its own; give rateFps for another'
  if (!file.nics.some(({ name }) => name === from || name === to))
    return 'load is a share of line rate, but neither end is a NIC; give rateFps'
  return undefined
}

/** Checks the data of a model. Throws CONFIG. @param at words a place */
export async function checkModelData(
  data: unknown,
  at: (path: Path, key?: boolean) => string,
): Promise<LoadedModel> {
  const { value: file, mistakes } = check(modelSchema, data, 'the model')
  if (mistakes) {
    const [{ path, key }] = mistakes
    throw new RingferryError('CONFIG', `${at(path, key)}: ${firstMistake(mistakes, 'the model')}`)
  }
  if (file.replications.max < file.replications.min)
    throw new RingferryError(
      'CONFIG',
      `${at(['replications', 'max'])}: replications.max is ${file.replications.max}, below min (${file.replications.min})`,
    )
  const plain = plainTraffic(file, at)
  for (const entry of plain.traffic) {
    const problem = entry.kind === 'open' && rateProblem(entry, file)
    if (problem)
      throw new RingferryError(
        'CONFIG',
        `${at(['traffic', entry.entry])}: traffic[${entry.entry}].${problem}`,
      )
  }
  const { model, origins } = complete(file, plain, await readTraces(plain.traffic))
  try {
    checkModel(model)
  } catch (error) {
    if (error instanceof ModelError)
      throw new RingferryError('CONFIG', `${at(inFile(error.path, origins))}: ${error.message}`)
    if (error instanceof RingferryError)
      throw new RingferryError(error.code, `${at(['costs'])}: ${error.message}`)
    throw error
  }
  return { file, data, model }
}

/** Reads a model from YAML text. Throws CONFIG with file, line and column. */
export function parseModel(text: string, name: string): Promise<LoadedModel> {
  const { data, at } = parsePlaced(text, name)
  return checkModelData(data, at)
}

/** Reads a model file. Throws CONFIG, NOT_FOUND, PERMISSION. */
export async function loadModel(path: string): Promise<LoadedModel> {
  return await parseModel(readTextFile(path, 'model file'), path)
}
