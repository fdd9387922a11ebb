import { resolve } from 'node:path'
import type { PortConfig } from '../port/config.js'
import { isPassed } from '../sys/passed-socket.js'

/** The port with its sockets as seen from everywhere: a path is relative to who wrote it, not to the switch or a guest. */
export function withAbsolutePaths<Config extends PortConfig>(port: Config): Config {
  const result: Record<string, unknown> = { ...port }
  for (const setting of ['socket', 'peer']) {
    const path = result[setting]
    if (typeof path === 'string' && !isPassed(path)) result[setting] = resolve(path)
  }
  return result as unknown as Config
}
