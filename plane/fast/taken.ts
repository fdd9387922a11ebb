// The end of a burst, toward its sender.
import { charge } from '../bridge/policer'
import { count } from '../counters'
import { BUCKET_FROM, C_INGRESS_BYTES, C_INGRESS_FRAMES, V_LAST_AVAIL, V_USED_NEXT } from '../layout'
import { markDirty } from '../ring/publish'

/**
 * Counts chains that were taken from a transmit ring of a port, and whose used entries are written.
 * @param bytes of their frames; @param limited whether the port pays for them
 */
export function endTaken(v: usize, port: usize, chains: u32, bytes: u32, limited: boolean): void {
  store<u32>(v, (load<u32>(v, V_LAST_AVAIL) + chains) & 0xffff, V_LAST_AVAIL)
  store<u32>(v, (load<u32>(v, V_USED_NEXT) + chains) & 0xffff, V_USED_NEXT)
  count(port, C_INGRESS_FRAMES, chains)
  count(port, C_INGRESS_BYTES, bytes)
  if (limited) charge(port, BUCKET_FROM, bytes, chains)
  markDirty(v)
}
