import type { SwitchConfig } from '../config/config.js'
import { Switch } from '../engine/switch.js'
import type { SwitchEvent } from '../engine/switch-types.js'
import type { KeepingOptions } from '../port/kept-connections.js'

/** What a switch is started with beside its configuration. */
export interface StartOptions {
  /** Where the connections of guests are kept. Default: nowhere. */
  readonly keeping?: KeepingOptions | undefined
  /** Gets what happens while the ports are opened, when nobody listens yet. */
  readonly early?: SwitchEvent[]
}

/**
 * Starts a switch with all its ports. When one cannot be opened, everything is closed again and the error says
 * which and why.
 */
export async function startSwitch(
  config: SwitchConfig,
  { keeping, early }: StartOptions = {},
): Promise<Switch> {
  const made = await Switch.start({ ...config.engine, ...(keeping && { keeping }) })
  try {
    const stopListening = made.subscribe((event) => early?.push(event))
    for (const port of config.ports) await made.addPort(port)
    stopListening()
    return made
  } catch (error) {
    await made.stop()
    throw error
  }
}
