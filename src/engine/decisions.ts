import type { ControlledVif, Controller } from '../control/controller.js'
import { changeTuning, type TuneChange } from '../control/tuning.js'
import type { EngineClock } from './engine-clock.js'
import type { EngineTime } from './engine-time.js'
import type { PortTable } from './port-table.js'
import type { VifBursts } from './vif-bursts.js'

/** What deciding needs of the engine. */
export interface DecisionParts {
  readonly controller: Controller
  readonly table: PortTable
  readonly bursts: VifBursts
  readonly clock: EngineClock
  readonly time: EngineTime
}

/** When the controller of an engine decides, and for whom. */
export class Decisions {
  readonly #parts: DecisionParts
  /** The vifs that the policy decides for: those without a publication mode of their own. */
  #vifs: readonly ControlledVif[] = []

  constructor(parts: DecisionParts) {
    this.#parts = parts
  }

  /** Ports were added, removed or changed. */
  portsChanged(): void {
    this.#parts.bursts.reorder()
    this.apply()
  }

  /** Writes the limits of a policy that measures nothing; the others set theirs period by period. */
  apply(): void {
    const { controller, table, clock } = this.#parts
    this.#vifs = table.vifs.filter((port) => port.isControlled)
    controller.log.setControlled(this.#vifs.map(({ index }) => index))
    controller.hurry()
    if (controller.active) return
    clock.read()
    this.#run()
  }

  #run(): void {
    const { controller, clock, time } = this.#parts
    controller.run(clock.now, this.#vifs, time.use())
  }

  /** Decides, if a tick of the controller is due. */
  runIfDue(): void {
    const { controller, clock } = this.#parts
    if (controller.isDue(clock.now)) this.#run()
  }

  /** Changes the tuning. Throws RingferryErrors of changeTuning. */
  tune(change: TuneChange): void {
    const { controller, bursts } = this.#parts
    changeTuning(controller, this.#vifs, change)
    if (change.weight !== undefined) bursts.reorder()
    this.apply()
  }
}
