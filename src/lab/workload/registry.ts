/** All workloads by name. */
import { RingferryError } from '../../errors/errors.js'
import { bulk } from './bulk.js'
import { cpuHog } from './cpu-hog.js'
import { fileWorkload } from './file.js'
import { frames } from './frames.js'
import { idle } from './idle.js'
import { latency } from './latency.js'
import { migrationWorkload } from './migration.js'
import { pktgen } from './pktgen.js'
import { requestResponse } from './request-response.js'
import { rfc2544 } from './rfc2544.js'
import { streamingWorkload } from './streaming.js'
import { udpStream } from './udp-stream.js'
import { webWorkload } from './web.js'
import type { Workload } from './workload.js'

export const WORKLOADS: readonly Workload[] = [
  bulk,
  udpStream,
  requestResponse,
  latency,
  webWorkload,
  streamingWorkload,
  fileWorkload,
  migrationWorkload,
  frames,
  rfc2544,
  pktgen,
  cpuHog,
  idle,
]

/** The workload of a name. Throws CONFIG, with the names that there are. */
export function findWorkload(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name)
  if (found) return found
  const names = WORKLOADS.map((workload) => workload.name).join(', ')
  throw new RingferryError('CONFIG', `there is no workload "${name}"; there are ${names}`)
}

/** The main metric of a workload, by its name; undefined for a name that is not known. */
export function primaryOf(name: string): Workload['primary'] | undefined {
  return WORKLOADS.find((workload) => workload.name === name)?.primary
}
