/** Options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { addPorts, loadConfig, type SwitchConfig } from '../config/config.js'
import { type FlaggedPort, PORT_FLAGS, type PortFlag, parsePortFlag } from './port-flags.js'

const HELP: Readonly<Record<PortFlag, string>> = {
  vif: "a guest's NIC over vhost-user: NAME=SOCKET[,key=value...]",
  tap: 'a TAP device: NAME=DEVICE[,key=value...]',
  packet: 'a host NIC by AF_PACKET: NAME=DEVICE[,key=value...]',
  stream: "QEMU's -netdev stream or passt: NAME=SOCKET[,key=value...]",
  dgram: "QEMU's -netdev dgram, vfkit, krunkit: NAME=SOCKET[,peer=PATH][,key=value...]",
  vxlan: 'a tunnel to other hosts: NAME=LOCAL-ADDRESS,vni=NUMBER,peers=ADDRESS+ADDRESS[,key=value...]',
  xen: 'a vif of a guest whose driver domain this is: NAME=GUEST[,handle=NUMBER][,key=value...]; GUEST may be "any"',
}

/** Adds --config and the port flags. */
export function withConfig(command: Command): Command {
  command.option('-c, --config <file>', 'YAML file with ports and engine settings')
  for (const kind of Object.keys(PORT_FLAGS) as PortFlag[]) {
    const collect = (text: string, before: readonly FlaggedPort[] = []): FlaggedPort[] => [
      ...before,
      parsePortFlag(kind, text),
    ]
    command.addOption(new Option(`--${kind} <port>`, `${HELP[kind]}; may be repeated`).argParser(collect))
  }
  return command
}

/** Joins a configuration with the ports of the flags. Throws USAGE. */
export function addFlaggedPorts(
  base: SwitchConfig,
  options: Readonly<Record<string, unknown>>,
): SwitchConfig {
  const flags = Object.keys(PORT_FLAGS).flatMap((kind) => (options[kind] as FlaggedPort[] | undefined) ?? [])
  return addPorts(base, flags)
}

/** What file and flags say together. Throws CONFIG, USAGE, NOT_FOUND. */
export function readConfig(options: Readonly<Record<string, unknown>>): SwitchConfig {
  const file = options.config as string | undefined
  return addFlaggedPorts(file === undefined ? { engine: {}, ports: [] } : loadConfig(file), options)
}

/** A positive whole number on the command line. */
export function wholeNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('give a whole number above 0')
}
