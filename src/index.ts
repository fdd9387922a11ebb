/** The public face of the package: a switch, its ports, its guests. */
export type { PolicyConfig, PolicyName } from './aggregation/create.js'
export type { HoldLimits } from './aggregation/hold-limits.js'
export type { SwitchConfig } from './config/config.js'
export { loadConfig, parseConfig } from './config/config.js'
export type { TuneChange, TuneDecision, TuneState, VifTuning } from './control/tuning.js'
export type { CounterName, DropName, PortCounters } from './core/counters.js'
export { countersSince, totalDrops } from './core/counters.js'
export type { PortDelays } from './core/delays.js'
export type { FdbEntry } from './core/fdb.js'
export { makeRecipe, type Recipe, type RecipeKind } from './daemon/recipes.js'
export { startSwitch } from './daemon/start.js'
export { GuestMemory, type MemoryRegion, type RegionSpec } from './driver/guest-memory.js'
export {
  NetDriver,
  type NetDriverOptions,
  type NetHeader,
  type ReceivedFrame,
  type TxLayout,
} from './driver/net-driver.js'
export { type RingOptions, SplitRing } from './driver/split-ring.js'
export { type FrontendOptions, type RingEvents, VhostUserFrontend } from './driver/vhost-user-frontend.js'
export { EmbeddedGuest, type EmbeddedGuestOptions } from './embedded/guest.js'
export {
  type EmbeddedCounters,
  type EmbeddedRole,
  EmbeddedWorker,
  type EmbeddedWorkerOptions,
  type RoundTrips,
} from './embedded/worker.js'
export { Engine } from './engine/engine.js'
export type { EngineOptions } from './engine/engine-options.js'
export { Switch, type SwitchEvent, type SwitchOptions } from './engine/switch.js'
export { ERRORS, type ErrorCode, RingferryError } from './errors/errors.js'
export {
  bootGuest,
  type CommandResult,
  type Guest,
  type GuestKind,
  type GuestSpec,
  type NicSpec,
} from './lab/guest/guest.js'
export type { PortChange } from './port/change.js'
export type { PortConfig } from './port/config.js'
export type { HostPort, Port, PortEvent, PortStatus, RingPort } from './port/port.js'
