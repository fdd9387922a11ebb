import type { BedSpec } from './bed.js'
import type { Fabric, FabricContext } from './fabric.js'
import { startBridge, startPair } from './kernel-switch.js'
import { startOvs } from './ovs.js'
import type { VmPlan } from './plan.js'
import { startRingferry } from './ringferry.js'
import { startTestpmd } from './testpmd.js'
import { startVde } from './vde.js'

/** Starts the switch of a bed. Throws NOT_FOUND when a program is missing: says what to install. */
export async function startFabric(
  spec: BedSpec,
  plans: readonly VmPlan[],
  context: FabricContext,
): Promise<Fabric> {
  switch (spec.switch.kind) {
    case 'ringferry':
      return startRingferry(spec, context)
    case 'bridge':
      return startBridge(context)
    case 'none':
      return startPair(plans, context)
    case 'vde':
      return startVde(context)
    case 'ovs':
      return startOvs(context)
    case 'testpmd':
      return startTestpmd(plans, context)
  }
}
