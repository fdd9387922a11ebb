import type { SwitchConfig } from '../config/config.js'
import type { Switch } from '../engine/switch.js'
import { type ApiOptions, openApi, type RunningApi } from './api/serve.js'
import { Daemon } from './daemon.js'

/**
 * Serves the API of a switch that a program runs, as `ringferry up` does: commands and dashboards find it then. Rejects with
 * BUSY when a program listens there or something else is there, NOT_FOUND, PERMISSION, USAGE.
 * @param config what the switch was started with, so that differences from it can be told
 */
export async function serveApi(
  running: Switch,
  options: ApiOptions,
  config: SwitchConfig = { engine: {}, ports: [] },
): Promise<RunningApi> {
  const daemon = new Daemon(running, { config })
  try {
    const api = await openApi(daemon, options)
    return {
      ...api,
      close: async () => {
        await api.close()
        await daemon.close()
      },
    }
  } catch (error) {
    await daemon.close()
    throw error
  }
}
