/** Source: uapi/linux/capability.h. */
export const CAP_NET_ADMIN = 12

/** Whether a capability is in the effective set of /proc/self/status's text. */
export function hasCapability(status: string, capability: number): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n
}
