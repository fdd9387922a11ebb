import type { SwitchConfig } from '../config/config.js'
import { Switch } from '../engine/switch.js'

/**
 * Starts a switch with all its ports. When one cannot be opened, everything is closed again and the error says
 * which and why.
 */
export async function startSwitch(config: SwitchConfig): Promise<Switch> {
  const made = await Switch.start(config.engine)
  try {
    for (const port of config.ports) await made.addPort(port)
    return made
  } catch (error) {
    await made.stop()
    throw error
  }
}
