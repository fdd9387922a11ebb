/**
 * The public face of the package: a switch, its ports, its guests. Every type that something here takes or returns is
 * exported as well (test/docs/public-face.test.ts).
 */
export type { PolicyConfig, PolicyName } from './aggregation/create.js'
export type { HoldLimits } from './aggregation/hold-limits.js'
export type { Decision, EngineFigures, Verdict, VifDecision, VifFigures } from './aggregation/policy.js'
export type { Filter } from './capture/filter.js'
export type { Filtered } from './capture/frame-view.js'
export type { CaptureStatistics, PcapngHead } from './capture/pcapng.js'
export type { ControlConfig, SwitchConfig } from './config/config.js'
export { loadConfig, parseConfig } from './config/config.js'
export type { AwakeState } from './control/awake.js'
export type { DecisionInForce } from './control/in-force.js'
export type { PaceLimits } from './control/pace.js'
export type { PromiseChange } from './control/promise.js'
export type { MissCause } from './control/promise-cause.js'
export type { DelaySummary } from './control/promise-delays.js'
export type { NotHeld, PromisedPort, PromiseReading, VifReading } from './control/promise-reading.js'
export type { PromiseFacts, PromiseState, PromiseVerdict } from './control/promise-verdict.js'
export type { SwitchTuneChange, TuneChange, TuneDecision, TuneState, VifTuning } from './control/tuning.js'
export type { LoggedDecision } from './control/tuning-reader.js'
export type { ControllerOptions, TuningSettings, VifSettings } from './control/tuning-settings.js'
export { type CapturedFrame, type CapturedOffload, CaptureRingReader } from './core/capture-ring.js'
export type { CounterName, DropName, PortCounters } from './core/counters.js'
export { countersSince, totalDrops } from './core/counters.js'
export type { PortDelays } from './core/delays.js'
export type { FdbEntry, FdbFilter } from './core/fdb.js'
export type { GrantCopies } from './core/grant-copies.js'
export type { LinearMemory } from './core/linear-memory.js'
export type { MemoryViews } from './core/memory-views.js'
export type { Plane } from './core/plane.js'
export type { ApiOptions, RunningApi } from './daemon/api/serve.js'
export { capturePcapng } from './daemon/capture-stream.js'
export { PromiseBook, type PromiseSource } from './daemon/promise-book.js'
export type { Recipe, RecipeKind } from './daemon/recipe.js'
export { makeRecipe } from './daemon/recipes.js'
export { serveApi } from './daemon/serve-api.js'
export { type StartOptions, startSwitch } from './daemon/start.js'
export type { DriverMemory } from './driver/driver-memory.js'
export type { ChannelMessage, FrontendChannel } from './driver/frontend-channel.js'
export { GuestMemory, type MemoryRegion, type RegionSpec } from './driver/guest-memory.js'
export {
  NetDriver,
  type NetDriverOptions,
  type NetHeader,
  type ReceivedFrame,
  type TxLayout,
} from './driver/net-driver.js'
export type { Receiver } from './driver/rx-queue.js'
export { type RingOptions, SplitRing } from './driver/split-ring.js'
export { type FrontendOptions, type RingEvents, VhostUserFrontend } from './driver/vhost-user-frontend.js'
export { EmbeddedGuest, type EmbeddedGuestOptions } from './embedded/guest.js'
export {
  type Arrivals,
  type Delays,
  type EmbeddedCounters,
  type EmbeddedRole,
  EmbeddedWorker,
  type EmbeddedWorkerOptions,
  type GeneratorRole,
  type GeneratorState,
  type RoundTrips,
} from './embedded/worker.js'
export { Capture, type CaptureOptions, type CapturePlan } from './engine/capture.js'
export { Engine } from './engine/engine.js'
export type { EngineOptions } from './engine/engine-options.js'
export type { InjectedFrame, InjectionWay } from './engine/injection.js'
export type { AwakeTuning } from './engine/keep-awake.js'
export { Switch } from './engine/switch.js'
export type { SwitchEvent, SwitchOptions, SwitchTuning } from './engine/switch-types.js'
export { ERRORS, type ErrorCode, RingferryError } from './errors/errors.js'
export type { GranuleOwner, GranulePool } from './grants/granule-pool.js'
export {
  type BackgroundCommand,
  bootGuest,
  type CommandOptions,
  type CommandResult,
  type Guest,
  type GuestKind,
  type GuestSpec,
  type NicSpec,
  type NicTransport,
} from './lab/guest/guest.js'
export type { PortChange, PortSetting, PreparedChange } from './port/change.js'
export type {
  DgramConfig,
  EmbeddedConfig,
  PacketConfig,
  PortConfig,
  PortKind,
  PortSettings,
  PublishMode,
  ReservedGroups,
  StreamConfig,
  TapConfig,
  VifConfig,
  VifTargetSettings,
  VxlanConfig,
  XenConfig,
} from './port/config.js'
export type { PortMaker } from './port/create.js'
export type { GuardSettings, LearnSettings } from './port/guard.js'
export type { KeepingOptions, KeptConnections } from './port/kept-connections.js'
export type { AnyPort, HostPort, Port, PortEvent, PortHost, PortStatus, RingPort } from './port/port.js'
export type { RateLimitSettings, RateLimits } from './port/rate-limits.js'
export type { FdStore, StoredFds } from './sys/fd-store.js'
export type { SocketAccess } from './sys/socket-access.js'
export type { InflightPayload, LogPayload, RegionPayload } from './vhost-user/messages.js'
export type { GrantDevice, GrantMapping } from './xen/devices.js'
