import { isPassed } from '../sys/passed-socket.js'
import type { PortConfig } from './config.js'

/** The path of the socket that an open port makes, and removes when it closes; undefined: it makes none. */
export function ownSocket(config: PortConfig): string | undefined {
  if (!('socket' in config) || ('mode' in config && config.mode === 'client')) return undefined
  return isPassed(config.socket) ? undefined : config.socket
}
