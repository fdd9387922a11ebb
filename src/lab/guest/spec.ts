/** What a guest is made of, and what can be done with one. Every kind of guest has this one interface. */

export const GUEST_KINDS = ['uml', 'qemu', 'netns'] as const
/** `uml`: User-Mode Linux; `qemu`: QEMU with Debian's kernel; `netns`: a network namespace on a TAP. */
export type GuestKind = (typeof GUEST_KINDS)[number]

/**
 * What a study can be asked to run with: where there is no kernel, threads of our own that drive real rings; guests of a
 * Xen that is emulated.
 */
export const STUDY_KINDS = [...GUEST_KINDS, 'embedded', 'xen'] as const
export type StudyKind = (typeof STUDY_KINDS)[number]

/**
 * What a guest's NIC hangs on. Which kind takes which:
 * `vhost-user` uml and qemu; `stream` and `dgram` qemu; `tap` all; `tuntap` uml; `vde` uml and qemu.
 */
export type NicTransport =
  | {
      readonly type: 'vhost-user'
      /** The Unix socket. */
      readonly path: string
      /** The guest listens and the switch connects (QEMU only). Default: the guest connects. */
      readonly server?: boolean
      /** Seconds between attempts to connect again when the switch went away (QEMU client only); 0 = never. */
      readonly reconnectS?: number
    }
  | {
      readonly type: 'stream'
      readonly path: string
      readonly server?: boolean
    }
  /** The switch's datagram socket, and the guest's own (QEMU). */
  | { readonly type: 'dgram'; readonly path: string; readonly own: string }
  /**
   * A TAP by name. netns: moved into the namespace. qemu: `-netdev tap`. uml: the vector driver with
   * offloads; `depth` is its ring size in frames.
   */
  | { readonly type: 'tap'; readonly ifname: string; readonly depth?: number; readonly gro?: boolean }
  /** A TAP by the plain tuntap driver of User-Mode Linux, without offloads. */
  | { readonly type: 'tuntap'; readonly ifname: string }
  /** The folder of a vde_switch. */
  | { readonly type: 'vde'; readonly dir: string }

/** A NIC of a guest, and its addresses. */
export interface NicSpec {
  readonly transport: NicTransport
  /** Unicast MAC address, e.g. "52:54:00:00:00:01". Default: a local one made of guest name and NIC number. */
  readonly mac?: string
  /** IPv4 address with prefix, e.g. "10.0.0.1/24". */
  readonly address?: string
  /** IPv6 address with prefix. */
  readonly address6?: string
  /** Bytes. */
  readonly mtu?: number
  /** false: checksum and segmentation offloads are switched off inside (ethtool -K) before first use. */
  readonly offloads?: boolean
  /** Device model in QEMU. e1000 needs a kernel that has the driver (linux-image-amd64). Default virtio. */
  readonly model?: 'virtio' | 'e1000'
  /** Properties of QEMU's virtio-net-pci, e.g. {csum: 'off', mrg_rxbuf: 'off', rx_queue_size: '1024'}. */
  readonly virtio?: Readonly<Record<string, string>>
  /** Queue pairs (QEMU, virtio over vhost-user or tap). Default 1. */
  readonly queues?: number
}

/** A guest to boot. */
export interface GuestSpec {
  /** Letters, digits, "-" and "_"; also the host name inside. */
  readonly name: string
  readonly kind: GuestKind
  /** Default 256. QEMU's memory is sparse: only what is touched is used. */
  readonly memoryMb?: number
  /** Processors (QEMU). Default 1. */
  readonly cpus?: number
  /** Node, nginx, wrk and sockperf inside (QEMU; other kinds see the host's files). Default: none of them. */
  readonly programs?: boolean
  readonly nics?: readonly NicSpec[]
  /** More arguments for linux.uml or QEMU. */
  readonly extraArguments?: readonly string[]
  /** More words for the kernel's command line (QEMU). */
  readonly kernelArguments?: readonly string[]
  /** Default 60 s for uml, 180 s for qemu (emulated), 10 s for netns. */
  readonly bootTimeoutMs?: number
}

/** How long a command may run, and who reads what it prints. */
export interface CommandOptions {
  /** The command's whole process group is killed after this time. Default 120000; 0 = no limit. */
  readonly timeoutMs?: number
  /** Called for each whole line of standard output as it comes. */
  readonly onStdout?: (line: string) => void
  readonly onStderr?: (line: string) => void
}

/** What a command printed; at most 16 MB of each stream is kept. */
export interface CommandResult {
  /** Exit code; 128 + n when signal n ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs in a guest. */
export interface BackgroundCommand {
  /** Settles when the command and all that hold its output have ended; rejects only when the guest dies. */
  readonly done: Promise<CommandResult>
  /** Ends the command's process group: SIGTERM, then SIGKILL after two seconds. */
  stop(): Promise<CommandResult>
}

/** A running guest: commands run in it until it is stopped. */
export interface Guest {
  readonly name: string
  readonly kind: GuestKind
  /** Process id on the host of the guest's first process. */
  readonly pid: number
  readonly alive: boolean
  /** Names of the NICs inside, in the order of the spec. */
  readonly interfaces: readonly string[]
  /** Settles when the guest has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<void>
  /** Runs a shell command and waits for it. Rejects with GUEST on timeout or when the guest ends. */
  run(command: string, options?: CommandOptions): Promise<CommandResult>
  /** Starts a shell command, e.g. a server. No time limit unless one is given. */
  start(command: string, options?: CommandOptions): BackgroundCommand
  /** User and system time of the whole guest on the host so far, in seconds, ended processes included. */
  cpuSeconds(): number
  /** Writes a small file (a few MB) inside. */
  putFile(path: string, content: Uint8Array): Promise<void>
  /** Reads a small file from inside. */
  getFile(path: string): Promise<Buffer>
  /** The last lines that the guest's kernel or hypervisor printed. */
  lastWords(lines?: number): string
  /** Powers off, waits, then kills; removes what was made for it. May be called again. */
  stop(): Promise<void>
}
