import { NATURAL_LIMITS } from '../aggregation/policy.js'
import type { Controller } from '../control/controller.js'
import type { DecisionInForce } from '../control/in-force.js'
import { type ControlledVif, changeTuning, type TuneChange } from '../control/tuning.js'
import type { TuningSettings } from '../control/tuning-settings.js'
import type { Port, PortEvent } from '../port/port.js'
import type { EngineClock } from './engine-clock.js'
import type { EngineTime } from './engine-time.js'
import type { PortTable } from './port-table.js'
import type { VifBursts } from './vif-bursts.js'

/** Of so many ticks of the engine without one of whoever decides, nothing is delayed any more. */
const SILENT_TICKS = 10

/** What deciding needs of the engine. */
export interface DecisionParts {
  readonly settings: TuningSettings
  readonly inForce: DecisionInForce
  /** Decides in the engine's thread; undefined: another thread does. */
  readonly controller: Controller | undefined
  readonly table: PortTable
  readonly bursts: VifBursts
  readonly clock: EngineClock
  readonly time: EngineTime
}

/** Whom the policy decides for, and what the engine does by its decisions. */
export class Decisions {
  readonly #parts: DecisionParts
  /** The vifs that the policy decides for: those without a publication mode of their own. */
  #vifs: readonly (ControlledVif & Port)[] = []
  /** Ticks of whoever decides when last seen, and since how many of the engine's they stand still. */
  #ticks = 0
  #silentTicks = 0

  constructor(parts: DecisionParts) {
    this.#parts = parts
  }

  /** Ports were added, removed or changed. */
  portsChanged(): void {
    this.#parts.bursts.reorder()
    this.apply()
  }

  /** The settings or the ports have changed. A policy that measures nothing sets its limits at once. */
  apply(): void {
    const { settings, inForce, table, clock } = this.#parts
    clock.read()
    this.#vifs = table.vifs.filter((port) => port.isControlled)
    settings.setControlled(
      this.#vifs.map(({ index }) => index),
      clock.now,
    )
    const { limits, dryRun } = settings
    this.#silentTicks = 0
    if (!limits) return
    inForce.clear()
    if (!dryRun) for (const vif of this.#vifs) vif.setHoldLimits(limits)
  }

  /** Decides, if this thread does and a tick is due, and goes by what was decided. */
  runIfDue(): void {
    const { settings, controller, clock, inForce, time } = this.#parts
    if (settings.limits) return
    if (controller && controller.dueUs(clock.now) === 0) controller.run(clock.now, time.use())
    if (inForce.isNew)
      inForce.take((row, limits) => this.#vifs.find(({ index }) => index === row)?.setHoldLimits(limits))
  }

  /**
   * A tick of the engine. Where another thread decides and does not, the engine goes on by the last decision for a second;
   * then nothing is delayed until there is another. Ticks are counted, not time, so that a process that was stopped for a
   * while blames nobody.
   */
  tick(report: (port: Port, event: PortEvent, detail: string) => void): void {
    const { settings, controller, inForce } = this.#parts
    if (controller || settings.limits) return
    const wasSilent = this.#silentTicks >= SILENT_TICKS
    this.#silentTicks = inForce.ticks === this.#ticks ? this.#silentTicks + 1 : 0
    this.#ticks = inForce.ticks
    const tell = (event: PortEvent, detail: string): void => {
      for (const vif of this.#vifs) report(vif, event, detail)
    }
    if (wasSilent && this.#silentTicks === 0) tell('policy-back', 'delays are decided again')
    if (this.#silentTicks !== SILENT_TICKS) return
    inForce.clear()
    for (const vif of this.#vifs) vif.setHoldLimits(NATURAL_LIMITS)
    tell('policy-lost', 'the thread that decides does not run; until it does, nothing is delayed')
  }

  /** Changes the tuning. Throws RingferryErrors of changeTuning. */
  tune(change: TuneChange): void {
    const { settings, bursts } = this.#parts
    changeTuning(settings, this.#vifs, change)
    if (change.weight !== undefined) bursts.reorder()
    this.apply()
  }
}
