import type { BackgroundCommand, Guest } from '../../../src/lab/guest/guest.js'

export const IPERF_PORT = 5201
const FILE_PORT = 5300
const MB = 1 << 20

/** Runs a command that must succeed. Returns its standard output. */
export async function must(guest: Guest, command: string, timeoutMs = 60_000): Promise<string> {
  const { code, stdout, stderr } = await guest.run(command, { timeoutMs })
  if (code === 0) return stdout
  throw new Error(`${guest.name}: "${command}" failed (${code}): ${stderr}${stdout}`)
}

/** Allows large socket buffers, so that a guest that the host keeps waiting loses no datagrams of its own. */
export async function allowBuffers(...guests: readonly Guest[]): Promise<void> {
  for (const guest of guests)
    await must(guest, 'echo 8388608 >/proc/sys/net/core/rmem_max; echo 8388608 >/proc/sys/net/core/wmem_max')
}

/** The shell loop that waits until somebody listens on a TCP port. */
export function listening(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return `n=0; until grep -qs ':${hex} .* 0A ' /proc/net/tcp /proc/net/tcp6; do n=$((n+1)); [ $n -lt 1200 ] || exit 1; sleep 0.05; done`
}

export interface PingOptions {
  readonly count?: number
  /** Bytes of ICMP payload. */
  readonly size?: number
}

/** Percent of echo requests without answer; one is sent before, so that addresses are known. */
export async function pingLoss(from: Guest, address: string, options: PingOptions = {}): Promise<number> {
  const { count = 10, size = 56 } = options
  const ping = `busybox ping${address.includes(':') ? ' -6' : ''}`
  await from.run(`n=0; until ${ping} -c 1 -W 1 ${address}; do n=$((n+1)); [ $n -lt 10 ] || exit 1; done`)
  const { stdout } = await from.run(`${ping} -c ${count} -i 0.1 -W 5 -s ${size} ${address}`)
  const loss = /(\d+)% packet loss/.exec(stdout)?.[1]
  if (loss === undefined) throw new Error(`${from.name}: ping printed: ${stdout}`)
  return Number(loss)
}

export interface IperfResult {
  /** Bytes that the receiving side counted. */
  readonly receivedBytes: number
  readonly mbps: number
  /** UDP: datagrams sent and the part of them that was lost. */
  readonly datagrams: number
  readonly lostPercent: number
}

interface IperfSum {
  readonly bytes: number
  readonly bits_per_second: number
  readonly packets?: number
  readonly lost_percent?: number
}

/** iperf3 from one guest to an address of another. @param options of the client, for example "-R -t 2" */
export async function iperf(from: Guest, to: Guest, address: string, options = ''): Promise<IperfResult> {
  const server = to.start(`iperf3 -s -1 -p ${IPERF_PORT}`)
  try {
    await must(to, listening(IPERF_PORT))
    const time = /-[tn] /.test(options) ? '' : ' -t 1'
    const { stdout, stderr } = await from.run(
      `iperf3 -J -c ${address} -p ${IPERF_PORT}${time} --connect-timeout 10000 ${options}`,
      { timeoutMs: 60_000 },
    )
    const report = JSON.parse(stdout || '{}') as {
      error?: string
      end: { sum?: IperfSum; sum_received?: IperfSum }
    }
    if (report.error !== undefined)
      throw new Error(`${from.name}: iperf3 ${options}: ${report.error} ${stderr}`)
    const udp = report.end.sum
    const sum = udp?.packets === undefined ? report.end.sum_received : udp
    if (!sum) throw new Error(`${from.name}: iperf3 ${options} printed: ${stdout}${stderr}`)
    return {
      receivedBytes: sum.bytes,
      mbps: sum.bits_per_second / 1e6,
      datagrams: sum.packets ?? 0,
      lostPercent: sum.lost_percent ?? 0,
    }
  } finally {
    await server.stop().catch(() => {})
  }
}

/** What fails to carry datagrams loses most of them; what a busy machine loses of few is no verdict. */
export const LITTLE_LOSS_PERCENT = 20

/**
 * UDP in both directions at a moderate rate. Returns the datagrams sent each way and the larger loss in percent.
 * @param mbps Mb/s; @param size bytes of payload
 */
export async function udpBothWays(
  a: Guest,
  b: Guest,
  address: string,
  mbps: number,
  size = 1400,
): Promise<{ datagrams: number; lostPercent: number }> {
  const options = `-u -b ${mbps}M -l ${size} -w 4M`
  const forth = await iperf(a, b, address, options)
  const back = await iperf(a, b, address, `${options} -R`)
  return {
    datagrams: Math.min(forth.datagrams, back.datagrams),
    lostPercent: Math.max(forth.lostPercent, back.lostPercent),
  }
}

/** TCP in both directions. Returns Mb/s of each. */
export async function tcpBothWays(
  a: Guest,
  b: Guest,
  address: string,
  options = '',
): Promise<{ forth: number; back: number }> {
  const forth = await iperf(a, b, address, options)
  const back = await iperf(a, b, address, `${options} -R`)
  return { forth: forth.mbps, back: back.mbps }
}

/** Random bytes are slow to make in an emulated guest: a large file repeats as many as this. */
const RANDOM_MB = 7

/** Makes a file of random bytes. Returns its SHA-256. */
export async function makeFile(guest: Guest, path: string, sizeMb: number): Promise<string> {
  const random = `${path}.random`
  const pieces = Math.ceil(sizeMb / RANDOM_MB)
  await must(
    guest,
    `dd if=/dev/urandom of=${random} bs=1M count=${Math.min(sizeMb, RANDOM_MB)} 2>/dev/null
    i=0; while [ $i -lt ${pieces} ]; do cat ${random}; i=$((i+1)); done | head -c ${sizeMb * MB} >${path}
    rm ${random}`,
    120_000,
  )
  return hashOf(guest, path)
}

async function hashOf(guest: Guest, path: string): Promise<string> {
  return (await must(guest, `sha256sum <${path}`, 120_000)).slice(0, 64)
}

/** Starts a receiver of one TCP stream: it writes a file and ends when the sender does. */
export async function receiveStream(guest: Guest, path: string): Promise<BackgroundCommand> {
  const receiver = guest.start(`exec busybox nc -l -p ${FILE_PORT} -e sh -c 'exec cat >${path}'`, {
    timeoutMs: 120_000,
  })
  receiver.done.catch(() => {})
  await must(guest, listening(FILE_PORT))
  return receiver
}

/** The command that sends to a receiver what a program prints. It copies by itself no byte, as nc would slowly. */
export function sendStream(address: string, program: string): string {
  return `busybox nc ${address} ${FILE_PORT} -e ${program}`
}

/**
 * Carries random bytes from one guest to another by one TCP connection.
 * Returns the SHA-256 of what was sent and of what arrived, and the bytes that arrived.
 */
export async function carryFile(
  from: Guest,
  to: Guest,
  address: string,
  sizeMb: number,
): Promise<{ sent: string; received: string; receivedMb: number }> {
  const sent = await makeFile(from, '/tmp/rf-sent', sizeMb)
  const received = '/tmp/rf-received'
  const receiver = await receiveStream(to, received)
  await must(from, sendStream(address, 'cat /tmp/rf-sent'), 120_000)
  await receiver.done
  const hash = await hashOf(to, received)
  const bytes = Number(await must(to, `wc -c <${received}`))
  await Promise.all([must(from, 'rm /tmp/rf-sent'), must(to, `rm ${received}`)])
  return { sent, received: hash, receivedMb: bytes / MB }
}

/** Packets that the guest's kernel threw away because of a checksum, since boot. */
export async function checksumErrors(guest: Guest): Promise<number> {
  const text = await must(guest, 'cat /proc/net/snmp; grep -s InCsumErrors /proc/net/snmp6 || true')
  let errors = 0
  const lines = text.split('\n')
  for (const [index, line] of lines.entries()) {
    const single = /^\w*InCsumErrors\s+(\d+)/.exec(line)
    if (single) errors += Number(single[1])
    const column = line.split(' ').indexOf('InCsumErrors')
    if (column > 0) errors += Number(lines[index + 1]?.split(' ')[column])
  }
  return errors
}
