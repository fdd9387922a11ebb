import { adaptivePolicy } from './adaptive.js'
import { dimPolicy } from './dim.js'
import { fixedPolicy, naturalPolicy, type Policy, perPacketPolicy } from './policy.js'

export const POLICY_NAMES = ['natural', 'per-packet', 'fixed', 'dim', 'adaptive'] as const

/** A policy by its name: how it is decided when the frames held for a vif are published. */
export type PolicyName = (typeof POLICY_NAMES)[number]

/** Which policy, and the settings of `fixed`. */
export interface PolicyConfig {
  readonly name: PolicyName
  /** fixed: longest hold in microseconds. Default 100. */
  readonly holdUs?: number
  /** fixed: frames that end a batch. Default 64. */
  readonly maxFrames?: number
}

export function createPolicy(config: PolicyConfig): Policy {
  switch (config.name) {
    case 'natural':
      return naturalPolicy()
    case 'per-packet':
      return perPacketPolicy()
    case 'fixed':
      return fixedPolicy(config.holdUs ?? 100, config.maxFrames ?? 64)
    case 'dim':
      return dimPolicy()
    case 'adaptive':
      return adaptivePolicy()
  }
}
