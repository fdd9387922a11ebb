// The settings of a port have changed while it runs. What the bridge learned from it by rules that hold no more is forgotten:
// addresses in VLANs that the port no longer carries, and MACs that it may no longer send from. The rest stays, so that
// frames for it are not flooded until its stations speak again.
import { GUARD_MACS, P_FLAGS, P_GUARD, P_NATIVE_VLAN, P_VLANS, PORT_MIRROR, PORT_TRUNK } from '../layout'
import { MAC_MASK } from '../packet/packet'
import { fdbFilter } from './fdb'
import { listsMac } from './guard/allowed'
import { hasVlan } from './leave'

/** Whether frames in a VLAN may come in on the port. */
function carries(port: usize, vlan: u32): boolean {
  if (vlan === load<u32>(port, P_NATIVE_VLAN)) return true
  return (load<u32>(port, P_FLAGS) & PORT_TRUNK) !== 0 && hasVlan(port + P_VLANS, vlan)
}

function mayBeHeard(port: usize, key: u64): boolean {
  if (load<u32>(port, P_FLAGS) & PORT_MIRROR) return false
  if (!carries(port, <u32>(key >> 48) & 0xfff)) return false
  return (load<u32>(port, P_GUARD) & GUARD_MACS) === 0 || listsMac(port, key & MAC_MASK)
}

/** Forgets what was learned from a port and could not be learned by its present settings. */
export function recheckAddresses(index: u32): void {
  fdbFilter(index, mayBeHeard)
}
