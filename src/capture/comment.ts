/** What Ringferry knows of a frame, as the comment of its block in a capture file: "key=value" pairs behind blanks. */
import type { CapturedFrame, CapturedOffload } from '../core/capture-ring.js'

/** gso_type of a virtio-net header without its ECN bit. Source: virtio 1.3, 5.1.6. */
const GSO_NAMES: Readonly<Record<number, string>> = { 1: 'tcpv4', 4: 'tcpv6', 5: 'udp' }
const GSO_ECN = 0x80

const tenths = (us: number): string => (Math.round(us * 10) / 10).toString()

function gsoText({ type, sizeBytes }: NonNullable<CapturedOffload['gso']>): string {
  const name = GSO_NAMES[type & ~GSO_ECN] ?? `type${type & ~GSO_ECN}`
  return `gso=${name}${(type & GSO_ECN) !== 0 ? '+ecn' : ''} gso_bytes=${sizeBytes}`
}

/**
 * For example "hold_us=83.2 publish=deadline queue_us=4.1", "drop=ring_full", "checksum=partial csum_start=34
 * csum_offset=16 gso=tcpv4 gso_bytes=1448". docs/capture.md says what each means.
 */
export function commentOf(frame: CapturedFrame): string {
  const { held, drop, joined, queueUs, offload, missed } = frame
  return [
    ...(held ? [`hold_us=${tenths(held.holdUs)} publish=${held.publish}`] : []),
    ...(drop === undefined ? [] : [`drop=${drop}`]),
    ...(queueUs > 0 ? [`queue_us=${tenths(queueUs)}`] : []),
    ...(joined ? ['joined=1'] : []),
    ...(offload
      ? [
          `checksum=partial csum_start=${offload.checksum.start} csum_offset=${offload.checksum.offset}`,
          ...(offload.gso ? [gsoText(offload.gso)] : []),
        ]
      : []),
    ...(missed > 0 ? [`missed=${missed}`] : []),
  ].join(' ')
}

/** What a comment of ours says that the receiver of the frame has to do; undefined: nothing. */
export function offloadOf(comment: string): CapturedOffload | undefined {
  const values = new Map(comment.split(/\s+/).map((pair) => pair.split('=', 2) as [string, string]))
  const number = (key: string): number => {
    const text = values.get(key) ?? ''
    return /^\d{1,5}$/.test(text) ? Number(text) : -1
  }
  const [start, offset, sizeBytes] = [number('csum_start'), number('csum_offset'), number('gso_bytes')]
  if (values.get('checksum') !== 'partial' || start < 0 || offset < 0) return undefined
  const checksum = { start, offset }
  const [name, ecn] = (values.get('gso') ?? '').split('+')
  const [type] = Object.entries(GSO_NAMES).find(([, each]) => each === name) ?? []
  if (type === undefined || sizeBytes < 1) return { checksum }
  return { checksum, gso: { type: Number(type) | (ecn === 'ecn' ? GSO_ECN : 0), sizeBytes } }
}
