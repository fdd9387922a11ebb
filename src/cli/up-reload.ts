import type { SwitchConfig } from '../config/config.js'
import { reload } from '../daemon/reload.js'
import type { Switch } from '../engine/switch.js'
import { RingferryError } from '../errors/errors.js'
import type { Sampler, View } from './up-view.js'

/** Reads the configuration again at SIGHUP and makes the switch fit; one after the other, none while it starts. */
export class Reloading {
  readonly #readAgain: () => SwitchConfig
  readonly #view: View
  readonly #handler = (): void => {
    this.#wanted = true
    void this.#work()
  }
  #wanted = false
  #target: { readonly running: Switch; readonly sampler: Sampler } | undefined
  #config: SwitchConfig
  #busy: Promise<void> = Promise.resolve()

  constructor(config: SwitchConfig, readAgain: () => SwitchConfig, view: View) {
    this.#config = config
    this.#readAgain = readAgain
    this.#view = view
    process.on('SIGHUP', this.#handler)
  }

  /** The switch has started. */
  begin(running: Switch, sampler: Sampler): void {
    this.#target = { running, sampler }
    void this.#work()
  }

  /** Waits for the reload at work; none follows. */
  async end(): Promise<void> {
    this.#target = undefined
    await this.#busy
  }

  #work(): Promise<void> {
    this.#busy = this.#busy.then(async () => {
      if (!this.#wanted || !this.#target) return
      this.#wanted = false
      await this.#reload(this.#target.running, this.#target.sampler)
    })
    return this.#busy
  }

  async #reload(running: Switch, sampler: Sampler): Promise<void> {
    try {
      const { config, changes } = await reload(running, this.#config, this.#readAgain())
      this.#config = config
      // The counters of a port that changed in place go on.
      sampler.forget(changes.filter(({ change }) => change !== 'changed').map(({ subject }) => subject))
      this.#view.reloaded({ changes })
    } catch (error) {
      // Of the engine's end the switch tells by itself.
      if (error instanceof RingferryError) this.#view.reloaded({ error: error.message })
    }
  }
}
