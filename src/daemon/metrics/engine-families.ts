/** Metrics of the switch as a whole: what its engine's time goes to, its tables and memory, its process. */
import { readdirSync } from 'node:fs'
import { POLICY_NAMES } from '../../aggregation/create.js'
import { type Family, oneHot, single } from './family.js'

const US_PER_S = 1e6
const DOINGS = ['work', 'spin', 'wait', 'sleep'] as const

const seconds = (us: number | null): number | undefined => (us === null ? undefined : us / US_PER_S)

export const ENGINE_FAMILIES: readonly Family[] = [
  {
    ...{ type: 'gauge', name: 'ringferry_build_info', labels: { version: 'text' } },
    help: 'Always 1; the version that runs',
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  single(
    'gauge',
    'ringferry_start_time_seconds',
    'When the switch started, in seconds since 1970',
    ({ startedAtS }) => startedAtS,
  ),
  {
    ...{ type: 'counter', name: 'ringferry_engine_seconds_total', labels: { doing: DOINGS } },
    help: "What the time of the engine's thread went to: work; spin, polling in vain; wait, ready while others had its processor; sleep",
    read: ({ engine }) => DOINGS.map((doing) => ({ labels: { doing }, value: engine[doing] })),
  },
  single(
    'counter',
    'ringferry_engine_wakeups_total',
    'Sleeps and rests of the engine that have ended; goes back to 0 after 2^32',
    ({ wakes }) => wakes,
  ),
  single(
    'gauge',
    'ringferry_engine_budget_ratio',
    'Share of its core that the engine may use',
    ({ tuning }) => tuning.budget,
  ),
  single(
    'gauge',
    'ringferry_engine_rest_seconds',
    'How long the engine sleeps at present without asking guests for kicks',
    ({ tuning }) => seconds(tuning.restUs),
  ),
  single('gauge', 'ringferry_engine_spin_limit_seconds', 'The longest spin at present', ({ tuning }) =>
    seconds(tuning.spinUs),
  ),
  single('gauge', 'ringferry_engine_wakeup_cost_seconds', 'What a wake-up was found to cost', ({ tuning }) =>
    seconds(tuning.wakeUs),
  ),
  {
    ...{ type: 'gauge', name: 'ringferry_policy', labels: { policy: POLICY_NAMES } },
    help: '1 for the publication policy at present, 0 for the others',
    read: ({ tuning }) => oneHot({}, 'policy', POLICY_NAMES, tuning.policy.name),
  },
  single(
    'counter',
    'ringferry_awake_seconds_total',
    'Processor time of the idle class burnt to keep processors awake',
    ({ tuning }) => seconds(tuning.awake.burntUs),
  ),
  single('gauge', 'ringferry_ports', 'How many ports the switch has', ({ ports }) => ports.length),
  single(
    'gauge',
    'ringferry_fdb_addresses',
    'Live addresses in the forwarding database',
    ({ addresses }) => addresses,
  ),
  single(
    'gauge',
    'ringferry_fdb_limit_addresses',
    'Most addresses that the forwarding database takes',
    ({ maxAddresses }) => maxAddresses,
  ),
  single(
    'gauge',
    'ringferry_memory_free_bytes',
    'Linear memory that is free for ports and guests; guests that do not fit are mapped granule by granule',
    ({ freeBytes }) => freeBytes,
  ),
]

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    // A service may be kept from /proc.
    return undefined
  }
}

/** The names that Prometheus clients use; prom-client's own set keeps a timer that wakes the process all the time. */
export const PROCESS_FAMILIES: readonly Family[] = [
  single('counter', 'process_cpu_seconds_total', 'Processor time of all threads of the process', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / US_PER_S
  }),
  single(
    'gauge',
    'process_resident_memory_bytes',
    'Resident memory of the process; memory of guests that it has touched is in it',
    () => process.memoryUsage.rss(),
  ),
  single(
    'gauge',
    'process_start_time_seconds',
    'When the process started, in seconds since 1970',
    () => performance.timeOrigin / 1000,
  ),
  single('gauge', 'process_open_fds', 'Open file descriptors', openFiles),
  single(
    'gauge',
    'nodejs_heap_size_used_bytes',
    "Used heap of the control thread's JavaScript",
    () => process.memoryUsage().heapUsed,
  ),
]
