/** The public face of the package: a switch, its ports, its guests. */
export type { SwitchConfig } from './daemon/config.js'
export { loadConfig, parseConfig } from './daemon/config.js'
export { makeRecipe, type Recipe, type RecipeKind } from './daemon/recipes.js'
export { startSwitch } from './daemon/start.js'
export type { CounterName, DropName, PortCounters } from './engine/counters.js'
export { countersSince, totalDrops } from './engine/counters.js'
export { Engine, type EngineOptions } from './engine/engine.js'
export type { FdbEntry } from './engine/fdb.js'
export { Switch, type SwitchEvent, type SwitchOptions } from './engine/switch.js'
export { ERRORS, type ErrorCode, RingferryError } from './errors/errors.js'
export { EmbeddedGuest, type EmbeddedGuestOptions } from './frontend/embedded-guest.js'
export {
  type EmbeddedCounters,
  type EmbeddedRole,
  EmbeddedWorker,
  type EmbeddedWorkerOptions,
  type RoundTrips,
} from './frontend/embedded-worker.js'
export { GuestMemory } from './frontend/guest-memory.js'
export { NetDriver } from './frontend/net-driver.js'
export { SplitRing } from './frontend/split-ring.js'
export { VhostUserFrontend } from './frontend/vhost-user-frontend.js'
export {
  bootGuest,
  type CommandResult,
  type Guest,
  type GuestKind,
  type GuestSpec,
  type NicSpec,
} from './lab/guest/guest.js'
export type { PortConfig } from './port/config.js'
export type { PortEvent, PortStatus } from './port/port.js'
