import { VIF_DEFAULTS } from '../control/defaults.js'
import type { VifSettings } from '../control/tuning-settings.js'
import { SettingError } from '../errors/setting-error.js'
import type { PortConfig } from '../port/config.js'

/** Target and weight of a port, with the defaults. Throws a SettingError when one is not above 0. */
export function readTarget(config: PortConfig): VifSettings {
  if (config.kind !== 'vif' && config.kind !== 'xen' && config.kind !== 'embedded') return VIF_DEFAULTS
  const { targetUs = VIF_DEFAULTS.targetUs, weight = VIF_DEFAULTS.weight } = config
  for (const [setting, value] of Object.entries({ targetUs, weight }))
    if (!(value > 0 && Number.isFinite(value)))
      throw new SettingError(
        { owner: `port ${config.name}`, path: [setting] },
        `is ${value}; it must be a number above 0`,
      )
  return { targetUs, weight }
}
