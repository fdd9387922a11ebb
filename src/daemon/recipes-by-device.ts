/** Recipes of guests that get a network device of the host: the port's TAP, or one that the port listens on. */
import type { PortConfig } from '../port/config.js'
import { type Described, NOT_RUN } from './recipe.js'
import { quote, shellQuote } from './shell-word.js'

export function netns(config: PortConfig): Described | undefined {
  if (config.kind !== 'tap') return undefined
  const space = shellQuote(config.name)
  const device = shellQuote(config.device)
  return {
    notes: [
      'As root, while the switch runs: it holds the other end of the TAP. ADDRESS is like 10.0.0.1/24.',
    ],
    commands: [
      `ip netns add ${space}`,
      `ip link set ${device} netns ${space}`,
      `ip -n ${space} addr add ADDRESS dev ${device}`,
      `ip -n ${space} link set lo up`,
      `ip -n ${space} link set ${device} up`,
      `ip netns exec ${space} COMMAND`,
    ],
  }
}

/** The TAP becomes a device of a container that runs. */
export function container(config: PortConfig): Described | undefined {
  if (config.kind !== 'tap') return undefined
  const device = shellQuote(config.device)
  const enter = 'nsenter --target "$pid" --net'
  return {
    notes: [
      'As root, while the switch and the container run; podman inspect says the same. ADDRESS is like 10.0.0.1/24.',
      'The device goes with the container: then remove the port and add it again (ringferry port del, port add).',
    ],
    commands: [
      "pid=$(docker inspect --format '{{.State.Pid}}' CONTAINER)",
      `ip link set ${device} netns "$pid"`,
      `${enter} ip addr add ADDRESS dev ${device}`,
      `${enter} ip link set ${device} up`,
    ],
  }
}

/**
 * Firecracker opens a TAP itself, and a TAP has one owner: the switch sends and receives at the host's end of it.
 * Source: Firecracker, docs/network-setup.md and src/firecracker/swagger/firecracker.yaml.
 */
export function firecracker(config: PortConfig): Described | undefined {
  if (config.kind !== 'packet') return undefined
  const device = shellQuote(config.device)
  const machine = {
    'boot-source': { kernel_image_path: 'KERNEL', boot_args: 'console=ttyS0 reboot=k panic=1' },
    drives: [{ drive_id: 'root', path_on_host: 'IMAGE', is_root_device: true, is_read_only: false }],
    'machine-config': { vcpu_count: 1, mem_size_mib: 512 },
    'network-interfaces': [{ iface_id: 'eth0', host_dev_name: config.device }],
  }
  const file = shellQuote(`${config.name}.json`)
  return {
    notes: [NOT_RUN, 'The first two as root, before the switch is started: it needs the device.'],
    commands: [
      `ip tuntap add dev ${device} mode tap user USER vnet_hdr`,
      `ip link set ${device} up`,
      `echo ${quote(JSON.stringify(machine))} > ${file}`,
      `firecracker --no-api --config-file ${file}`,
    ],
  }
}
