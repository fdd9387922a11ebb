import type { Socket } from 'node:net'
import { RingferryError } from '../../errors/errors.js'
import { Agent } from '../guest/agent.js'
import { settles } from '../guest/child.js'
import type { XenMachine } from './machine.js'

const GUEST_BOOT_MS = 120_000
const COMMAND_MS = 60_000

/** What an `xl` configuration says of a guest. */
export interface XenGuestSpec {
  readonly name: string
  readonly type: 'pv' | 'pvh'
  /** Lines of `vif = [...]`, e.g. "mac=00:16:3e:00:00:01,script=vif-ringferry". */
  readonly vifs: readonly string[]
  /** The channel its console is relayed to; two guests that run at once need two. */
  readonly channel: number
  readonly vcpus?: number
}

/** The text of the guest's `xl` configuration. */
export function xlConfig({ name, type, vifs, vcpus = 1 }: XenGuestSpec): string {
  return [
    `name = "${name}"`,
    `type = "${type}"`,
    'memory = 192',
    `vcpus = ${vcpus}`,
    'kernel = "/mnt/results/guest-kernel"',
    'ramdisk = "/mnt/results/guest.gz"',
    'extra = "console=hvc0 quiet loglevel=1 panic=-1 net.ifnames=0"',
    `vif = [${vifs.map((vif) => ` "${vif}"`).join(',')} ]`,
    'on_crash = "destroy"',
    '',
  ].join('\n')
}

/** A guest of Xen with the agent on its console. */
export class XenGuest {
  readonly #machine: XenMachine
  readonly #spec: XenGuestSpec
  #socket: Socket | undefined
  #agent: Agent | undefined
  #relay: { stop(): Promise<unknown> } | undefined

  constructor(machine: XenMachine, spec: XenGuestSpec) {
    this.#machine = machine
    this.#spec = spec
  }

  get name(): string {
    return this.#spec.name
  }

  /** `xl create`, until the agent inside answers. Throws with the end of its console. */
  async create(): Promise<void> {
    const path = `/run/${this.name}.cfg`
    await this.#machine.must(`cat >${path} <<'END'\n${xlConfig(this.#spec)}END\n`)
    await this.#machine.must(`xl create -p ${path}`)
    await this.#attach(() => this.#machine.must(`xl unpause ${this.name}`))
  }

  /** Relays the console to the channel; nothing of it may be lost, so before the guest runs where that is possible. */
  async #attach(run: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.#detach()
    const socket = await this.#machine.channel(this.#spec.channel)
    this.#socket = socket
    const agent = new Agent(this.name, socket, () => {}, 500)
    this.#agent = agent
    const port = `/run/channel${this.#spec.channel}`
    const id = await this.domainId()
    this.#relay = this.#machine.agent.start(
      `until tty=$(xenstore-read /local/domain/${id}/console/tty 2>/dev/null) && [ -n "$tty" ]; do sleep 0.1; done
       stty -F "$tty" raw -echo
       exec 3<>${port} 4<>"$tty"
       cat <&4 >&3 & cat <&3 >&4`,
    )
    await run()
    const { ended } = this.#machine
    const inTime = await settles(Promise.race([agent.ready, ended]), GUEST_BOOT_MS)
    if (!this.#machine.alive)
      throw new RingferryError('GUEST', `guest ${this.name} was cut off: the machine ended`)
    if (inTime) return
    const words = await this.#machine.agent.run(`tail -n 5 /mnt/results/guest-${this.name}.log`)
    throw new RingferryError(
      'GUEST',
      `guest ${this.name} was not up within ${GUEST_BOOT_MS / 1000} s: ${words.stdout.trim()}`,
    )
  }

  async #detach(): Promise<void> {
    this.#agent?.close('was cut off: the guest ended')
    this.#socket?.destroy()
    await this.#relay?.stop()
  }

  async domainId(): Promise<number> {
    return Number((await this.#machine.must(`xl domid ${this.name}`)).trim())
  }

  /** Has the guest reboot itself, and waits for the next one of its name. */
  async reboot(): Promise<void> {
    const before = await this.domainId()
    await this.#machine.must(`xl reboot ${this.name}`)
    await this.#machine.must(
      `until id=$(xl domid ${this.name} 2>/dev/null) && [ "$id" != ${before} ]; do sleep 0.2; done`,
      GUEST_BOOT_MS,
    )
    await this.#attach()
  }

  get agent(): Agent {
    if (!this.#agent) throw new RingferryError('GUEST', `guest ${this.name} was not created`)
    return this.#agent
  }

  /** Runs a command in the guest; throws with its output when it fails. Returns its standard output. */
  async must(command: string, timeoutMs = COMMAND_MS): Promise<string> {
    const { code, stdout, stderr } = await this.agent.run(command, { timeoutMs })
    if (code === 0) return stdout
    const words = (stderr.trim() || stdout.trim()).replaceAll('\n', ' | ')
    throw new RingferryError('GUEST', `guest ${this.name}: "${command}" failed (exit code ${code}): ${words}`)
  }

  async destroy(): Promise<void> {
    await this.#machine.agent.run(`xl destroy ${this.name}`)
    await this.#detach()
  }
}
