import { z } from 'zod'
import { RingferryError } from '../../errors/errors.js'
import type { BedVm } from '../bed/bed.js'
import { DELAY_METRICS } from './delays.js'
import { peerOf } from './program.js'
import {
  commandFailed,
  firstAddress,
  needProgram,
  portOf,
  runCommand,
  type Server,
  startServer,
} from './server.js'
import { parseWrk, WRK_SCRIPT, type WrkLoad, wrkCommand, wrkMetrics } from './web-wrk.js'
import type { LoadWindow, PreparedWorkload, Workload, WorkloadResult, WorkloadSite } from './workload.js'

/** Sizes of the founding document's study. */
export const FILE_SIZES_KB = [1, 4, 10, 30, 50, 70, 100] as const

const settingsSchema = z
  .strictObject({
    fileKb: z.literal(FILE_SIZES_KB).default(10).meta({ description: 'Size of the file that is fetched' }),
    connections: z.int().min(1).max(512).default(16).meta({ description: 'Open at once' }),
    threads: z.int().min(1).max(16).default(1).meta({ description: 'Of wrk' }),
    keepAlive: z.boolean().default(true).meta({ description: 'false: a connection for each request' }),
  })
  .refine(({ connections, threads }) => connections >= threads, {
    message: 'each thread needs a connection: connections is below threads',
  })
export type WebSettings = z.infer<typeof settingsSchema>

const FILE_NAME = 'file.bin'
/** Beyond the window, for the start of two programs in an emulated guest. */
const GRACE_MS = 60_000

/** nginx with everything it writes in one folder: guests see the host's files read-only. */
export function nginxConfiguration(folder: string, address: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `user root;
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 2048; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
${temporary.map((name) => `  ${name}_temp_path ${folder}/temp;`).join('\n')}
  server { listen ${address}:${port} backlog=1024; root ${folder}/www; }
}
`
}

function refuseKinds(...vms: readonly BedVm[]): void {
  for (const { name, kind } of vms)
    if (kind === 'embedded')
      throw new RingferryError(
        'UNSUPPORTED',
        `web needs nginx and wrk, which a VM of kind ${kind} (${name}) has not; use uml, qemu, netns or host`,
      )
}

async function must(vm: BedVm, command: string): Promise<string> {
  const result = await vm.guest.run(command)
  if (result.code !== 0) throw commandFailed(vm, command, result)
  return result.stdout || result.stderr
}

interface Web {
  readonly site: WorkloadSite
  readonly peer: BedVm
  readonly settings: WebSettings
  /** Inside the VM and inside the peer; they may see the same /tmp. */
  readonly folder: string
  readonly clientFolder: string
}

async function startNginx({ site, settings, folder }: Web): Promise<Server> {
  const { vm, slot } = site
  const configuration = nginxConfiguration(folder, firstAddress(vm), portOf(slot))
  await must(
    vm,
    `rm -rf ${folder}; mkdir -p ${folder}/www && head -c ${settings.fileKb * 1024} /dev/urandom >${folder}/www/${FILE_NAME}`,
  )
  await vm.guest.putFile(`${folder}/nginx.conf`, Buffer.from(configuration))
  return startServer(vm, `exec nginx -e stderr -c ${folder}/nginx.conf`, { port: portOf(slot) })
}

async function load(web: Web, window: LoadWindow): Promise<WorkloadResult> {
  const { site, peer, settings, folder, clientFolder } = web
  const { connections, threads, keepAlive } = settings
  const url = `http://${firstAddress(site.vm)}:${portOf(site.slot)}/${FILE_NAME}`
  const wrk: WrkLoad = { url, connections, threads, keepAlive, script: `${clientFolder}/report.lua` }
  const command = wrkCommand(wrk, window.warmUpS, window.measureS)
  const limitMs = (window.warmUpS + window.measureS) * 1000 + GRACE_MS
  const report = parseWrk(await runCommand(peer, command, window.signal, limitMs))
  const alive = await site.vm.guest.run(`kill -0 "$(cat ${folder}/nginx.pid)"`)
  if (alive.code !== 0) throw commandFailed(site.vm, 'nginx', alive)
  if (report.requests === 0)
    throw new RingferryError('GUEST', `VM ${peer.name}: wrk got no answer from ${url} (${site.vm.name})`)
  return {
    metrics: wrkMetrics(report),
    series: {
      percentiles: [
        ...report.percentiles,
        [100, Math.max(report.maxUs, ...report.percentiles.map(([, us]) => us))],
      ],
    },
    ran: {
      server: (await must(site.vm, 'nginx -e stderr -v')).trim(),
      client: (await peer.guest.run('wrk -v')).stdout.split('\n')[0]?.split(' [')[0] ?? 'wrk',
      command,
      requests: report.requests,
      seconds: report.durationUs / 1e6,
      ...{ failed: report.failed, refused: report.refused },
    },
  }
}

async function prepare(site: WorkloadSite, settings: WebSettings): Promise<PreparedWorkload> {
  const peer = peerOf('web', site)
  refuseKinds(site.vm, peer)
  await needProgram('nginx', 'nginx-light', site.vm)
  await needProgram('wrk', 'wrk', peer)
  const folder = `/tmp/rf-lab-${process.pid}-${site.vm.name}-${site.slot}-web`
  const web: Web = { site, peer, settings, folder, clientFolder: `${folder}-client` }
  let server: Server | undefined
  const close = async (): Promise<void> => {
    await server?.stop()
    await site.vm.guest.run(`rm -rf ${folder}`).catch(() => {})
    await peer.guest.run(`rm -rf ${web.clientFolder}`).catch(() => {})
  }
  try {
    server = await startNginx(web)
    await must(peer, `mkdir -p ${web.clientFolder}`)
    await peer.guest.putFile(`${web.clientFolder}/report.lua`, Buffer.from(WRK_SCRIPT))
  } catch (error) {
    await close()
    throw error
  }
  return { run: (window) => load(web, window), close }
}

/** A web server in the VM; the peer asks for one file as fast as its connections are answered (closed loop). */
export const webWorkload: Workload<WebSettings> = {
  name: 'web',
  description: 'nginx in the VM serves a file of 1 to 100 KB, wrk in the peer fetches it.',
  settings: settingsSchema,
  runsOn: ['uml', 'qemu', 'netns', 'host'],
  needsPeer: true,
  primary: 'requestsPerS',
  gives: ['requestsPerS', 'mbps', 'errors', ...DELAY_METRICS],
  draws: ['percentiles'],
  prepare,
}
