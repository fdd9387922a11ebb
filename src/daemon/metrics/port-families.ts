/** Metrics of ports: what they carry, what becomes of it, and when it is published. */
import { COUNTER_NAMES, type CounterName, DROP_NAMES } from '../../core/counters.js'
import { REASON_NAMES } from '../../core/publication.js'
import { cumulated, DELAY_BOUNDS_US } from './delay-counts.js'
import type { Family, Sample, ValueFamily } from './family.js'
import type { MetricReading, PortReading } from './reading.js'

const DIRECTIONS = ['ingress', 'egress'] as const
const PORT_STATES = ['waiting', 'attached', 'up', 'down'] as const
const US_PER_S = 1e6

type Directed = 'frames' | 'bytes' | 'gso_frames'
type Plain = Exclude<CounterName, `${(typeof DIRECTIONS)[number]}_${Directed}`>

/** Counters that have no direction, and no unit but their own. */
const COUNTER_HELP: Readonly<Record<Plain, string>> = {
  calls: 'Calls to the guest for frames delivered',
  kicks: 'Kicks from the guest',
  publishes: 'Batches published to the guest, one used-index store each',
  floods: 'Frames from the port that went to all ports',
  segmented: 'Frames segmented because a receiver cannot take them as they came',
  checksummed: 'Frames checksummed because a receiver cannot take them as they came',
  backlogged: 'Frames that waited for buffers of the guest or for its rate limit',
  polls: "Polls of the port's rings",
  granule_misses: "Granules of the guest's memory mapped when they were needed",
  transmit_calls: 'Calls to the guest for frames of its own that were taken',
  egress_bursts: 'Bursts with frames for the guest',
  egress_urgent_bursts: 'Bursts with a frame that must not wait',
  published_frames: 'Frames in published batches',
  published_bytes: 'Bytes in published batches',
  merged: 'Segments that joined the one before them',
  merged_frames: 'Frames that came of joined segments',
  thinned_acks: 'Acknowledgements replaced by a later one',
  crowded_polls: 'Polls that found a transmit ring so full that the guest may have had to wait',
  renotifications: 'Calls made again because the guest did nothing about the one before',
  address_moves: 'Addresses that moved to the port from another',
  unlearned: 'Frames from addresses that could not be learned: the table is full',
  refused_peers: 'Peers refused because the port had one',
  muted_kicks: "Times that a ring's kicks were ignored for a while because they brought nothing",
  peer_moves: 'Addresses heard behind another tunnel end point than before',
  replicated: 'Copies of flooded frames beyond the first, one for each tunnel peer',
  grant_copies: "Grant copies of the port's frames (Xen)",
  grant_lists: "Lists in which grant copies of the port's frames were carried out (Xen)",
}

type Guest = NonNullable<PortReading['guest']>
type Labelled = { readonly labels: Readonly<Record<string, string>> }

/** A value of each port. */
function ofPort(
  type: ValueFamily['type'],
  name: string,
  help: string,
  read: (port: PortReading) => number | undefined,
): ValueFamily {
  return {
    ...{ type, name: `ringferry_port_${name}`, help, labels: { port: 'port' } },
    read: ({ ports }) =>
      ports.flatMap((port) => {
        const value = read(port)
        return value === undefined ? [] : [{ labels: { port: port.status.name }, value }]
      }),
  }
}

/** Samples of each port. */
const each = (read: (port: PortReading, name: string) => Sample[]) => (reading: MetricReading) =>
  reading.ports.flatMap((port) => read(port, port.status.name))

function directed(what: Directed, help: string): ValueFamily {
  return {
    ...{ type: 'counter', name: `ringferry_port_${what}_total`, help },
    labels: { port: 'port', direction: DIRECTIONS },
    read: each(({ counters }, port) =>
      DIRECTIONS.map((direction) => ({
        labels: { port, direction },
        value: counters.counts[`${direction}_${what}`],
      })),
    ),
  }
}

function delay(name: string, part: 'hold' | 'queue' | 'total', help: string): Family {
  return {
    ...{ type: 'histogram', name: `ringferry_port_${name}_seconds`, help, labels: { port: 'port' } },
    bounds: DELAY_BOUNDS_US.map((us) => us / US_PER_S),
    read: ({ ports }) =>
      ports.flatMap(({ status, guest }): (Labelled & ReturnType<typeof cumulated>)[] =>
        guest ? [{ labels: { port: status.name }, ...cumulated(guest.delays[part]) }] : [],
      ),
  }
}

const publication =
  (read: (publication: Guest['publication']) => number) =>
  ({ guest }: PortReading): number | undefined =>
    guest && read(guest.publication)

const plainCounters = COUNTER_NAMES.filter((name): name is Plain => name in COUNTER_HELP)

export const PORT_FAMILIES: readonly Family[] = [
  directed(
    'frames',
    'Frames that entered the switch from the port (ingress) or left it by the port (egress)',
  ),
  directed('bytes', 'Bytes of these frames'),
  directed('gso_frames', 'Those of these frames that are super-frames'),
  {
    ...{ type: 'counter', name: 'ringferry_port_drops_total', labels: { port: 'port', reason: DROP_NAMES } },
    help: 'Dropped frames, on the port at fault; docs/operators.md explains the reasons',
    read: each(({ counters }, port) =>
      DROP_NAMES.map((reason) => ({ labels: { port, reason }, value: counters.drops[reason] ?? 0 })),
    ),
  },
  delay('delay', 'total', 'Delay of frames from arrival to publication to the guest'),
  delay('queue', 'queue', 'Part of the delay before the switch came to the frames'),
  delay('hold', 'hold', 'Part of the delay by decision: frames held back for a batch'),
  {
    ...{ type: 'counter', name: 'ringferry_port_publications_total' },
    labels: { port: 'port', reason: REASON_NAMES },
    help: 'Batches published to the guest by reason',
    read: each(({ guest }, port) =>
      guest
        ? REASON_NAMES.map((reason) => ({
            labels: { port, reason },
            value: guest.publication.reasons[reason] ?? 0,
          }))
        : [],
    ),
  },
  ofPort(
    'gauge',
    'hold_limit_seconds',
    'How long a frame for the guest may be held at present',
    publication(({ limits }) => limits.holdUs / US_PER_S),
  ),
  ofPort(
    'gauge',
    'batch_limit_frames',
    'How many frames a batch may have at present; 2147483647: as many as there are',
    publication(({ limits }) => limits.maxFrames),
  ),
  ofPort(
    'counter',
    'service_seconds_total',
    'Time of the engine for what the guest transmits',
    publication(({ servedUs }) => servedUs / US_PER_S),
  ),
  ...plainCounters.map((name) =>
    ofPort('counter', `${name}_total`, COUNTER_HELP[name], ({ counters }) => counters.counts[name]),
  ),
  {
    ...{ type: 'gauge', name: 'ringferry_port_state', labels: { port: 'port', state: PORT_STATES } },
    help: '1 for the state of the port (waiting: nobody is attached; attached: takes no frames yet; up; down: given up), 0 for the others',
    read: each(({ status }, port) =>
      PORT_STATES.map((state) => ({ labels: { port, state }, value: status.state === state ? 1 : 0 })),
    ),
  },
  {
    ...{ type: 'gauge', name: 'ringferry_port_info', labels: { port: 'port', kind: 'text' } },
    help: 'Always 1; the kind of the port',
    read: each(({ status }, port) => [{ labels: { port, kind: status.kind }, value: 1 }]),
  },
  ofPort(
    'gauge',
    'held_down',
    'Whether the port is there but carries nothing because it closes a loop',
    ({ status }) => (status.heldDown === undefined ? 0 : 1),
  ),
  ofPort(
    'counter',
    'detachments_total',
    'Peers detached for breaking the protocol',
    ({ status }) => status.detachments,
  ),
]
