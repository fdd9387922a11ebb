/**
 * The backend's side of one vif: follows what toolstack and frontend write into xenstore, and tells the port.
 *
 *   toolstack: folder, state Initialising ──> InitWait, features ──> (hotplug script) hotplug-status connected
 *   frontend:  Connected, with rings and channels                ──> rings mapped, Connected
 *   frontend:  Closing, Closed, Initialising again, gone          ──> rings given back, Closing, Closed, InitWait
 *   toolstack: online 0                                           ──> Closed, and the vif is forgotten
 *
 * Nothing is inferred from which key changed: after any change all that matters is read, and what follows from it done.
 * A backend that is started anew finds both ends Connected and goes on with the rings where they are.
 */
import { type BackendFeatures, offerVif, readVif, type VifKeys, writeState } from './backend-keys.js'
import type { NetifFrontend } from './frontend.js'
import { FrontendError, readFrontend } from './frontend-keys.js'
import { type StoreClient, StoreError, type StoreTask } from './store-client.js'
import { XENBUS_STATE, type XenbusState } from './xenbus-state.js'

/** The port behind a vif. */
export interface VifOwner {
  readonly features: BackendFeatures
  /** What the toolstack says of the vif; before connect(). */
  configure(vif: VifKeys): void
  /** Maps the frontend's rings and serves them. Throws, having taken nothing, with the reason why it cannot. */
  connect(frontend: NetifFrontend): void
  /** Gives them back; nothing without a frontend. */
  disconnect(reason: string): void
  /** The vif cannot be served at present, and why. */
  onTrouble(reason: string): void
  /** The vif has been taken away. */
  onGone(): void
}

const { Unknown, Initialising, InitWait, Initialised, Connected, Closing, Closed } = XENBUS_STATE

export class BackendDevice {
  readonly #store: StoreClient
  readonly #owner: VifOwner
  readonly backend: string
  #isRunning = false
  /** Something changed while a round ran. */
  #isDirty = false
  #isConnected = false
  /** The frontend broke the protocol; it is heard again when it begins anew. */
  #breach: string | undefined
  #isGone = false
  #trouble = ''
  #backendWatch: string
  /** Where the frontend says its state, and the watch on it. */
  #frontend: { readonly state: string; readonly token: string } | undefined

  constructor(store: StoreClient, backend: string, owner: VifOwner) {
    this.#store = store
    this.#owner = owner
    this.backend = backend
    this.#backendWatch = store.watch(backend, () => this.#changed())
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** The frontend broke the protocol and was disconnected: it is told, and must begin anew. */
  breach(reason: string): void {
    this.#isConnected = false
    this.#breach = reason
    this.#changed()
  }

  /** Follows the vif no longer. What is connected stays so: whoever comes next can go on. */
  close(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#store.unwatch(this.backend, this.#backendWatch)
    if (this.#frontend) this.#store.unwatch(this.#frontend.state, this.#frontend.token)
  }

  #changed(): void {
    if (this.#isGone) return
    this.#isDirty = true
    if (this.#isRunning) return
    this.#isRunning = true
    this.#isDirty = false
    this.#store.run(this.#round(), (_, error) => {
      this.#isRunning = false
      if (this.#isGone) return
      if (error instanceof StoreError) this.#report(error.message)
      else if (error !== undefined) throw error
      if (this.#isDirty) this.#changed()
    })
  }

  *#round(): StoreTask<void> {
    const vif = yield* readVif(this.backend)
    if (this.#isGone) return
    if (!vif) {
      this.#forget('the toolstack removed the vif')
      return
    }
    this.#followFrontend(vif.frontend)
    if (vif.frontendState === Connected) yield* this.#serve(vif)
    else yield* this.#rest(vif)
  }

  /** The frontend is Connected: it published its rings. */
  *#serve(vif: VifKeys): StoreTask<void> {
    if (this.#breach !== undefined) {
      // As a netfront that meets a backend that has closed: its driver closes, too.
      if (vif.backendState !== Closed) yield* this.#write(Closed)
      return
    }
    if (!vif.online && vif.backendState >= Closing) return
    if (vif.hasScript && vif.hotplugStatus !== 'connected') {
      if (vif.hotplugStatus === 'error')
        this.#report(`the hotplug script failed: ${vif.hotplugError ?? 'it does not say why'}`)
      if (vif.backendState < InitWait) yield* this.#offer(vif)
      return
    }
    if (!this.#isConnected) {
      let frontend: NetifFrontend
      try {
        frontend = yield* readFrontend(vif.frontend, vif.domain, this.#owner.features.maxQueues)
      } catch (error) {
        if (!(error instanceof FrontendError)) throw error
        this.#report(error.message)
        return
      }
      if (this.#isGone) return
      this.#owner.configure(vif)
      try {
        this.#owner.connect(frontend)
      } catch (error) {
        this.#report(error instanceof Error ? error.message : String(error))
        return
      }
      this.#isConnected = true
      this.#trouble = ''
    }
    if (vif.backendState !== Connected) yield* this.#write(Connected)
  }

  /** The frontend is not Connected: it begins, ends, or is gone. */
  *#rest(vif: VifKeys): StoreTask<void> {
    const { frontendState, backendState } = vif
    if (frontendState === Initialising) this.#breach = undefined
    this.#disconnect(REASONS[frontendState] ?? 'the frontend left its state')
    switch (frontendState) {
      case Initialising:
      case InitWait:
        if (!vif.online && backendState >= Closing) yield* this.#end(vif)
        else if (backendState !== InitWait) yield* this.#offer(vif)
        return
      case Initialised:
        return
      case Closing:
        if (backendState !== Closing && backendState !== Closed) yield* this.#write(Closing)
        return
      default:
        yield* this.#end(vif)
    }
  }

  *#offer(vif: VifKeys): StoreTask<void> {
    this.#owner.configure(vif)
    yield* offerVif(this.backend, this.#owner.features)
  }

  *#end(vif: VifKeys): StoreTask<void> {
    if (vif.backendState !== Closed) yield* this.#write(Closed)
    if (!vif.online) this.#forget('the toolstack took the vif away')
  }

  *#write(state: XenbusState): StoreTask<void> {
    yield* writeState(this.backend, state)
  }

  #followFrontend(path: string): void {
    // The state alone: rings and features are read when it says so, and the guest may write what it likes beside it.
    const state = `${path}/state`
    if (this.#frontend?.state === state) return
    if (this.#frontend) this.#store.unwatch(this.#frontend.state, this.#frontend.token)
    this.#frontend = { state, token: this.#store.watch(state, () => this.#changed()) }
  }

  #disconnect(reason: string): void {
    if (!this.#isConnected) return
    this.#isConnected = false
    this.#owner.disconnect(reason)
  }

  #forget(reason: string): void {
    this.#disconnect(reason)
    this.close()
    this.#owner.onGone()
  }

  #report(reason: string): void {
    if (this.#trouble === reason) return
    this.#trouble = reason
    this.#owner.onTrouble(reason)
  }
}

const REASONS: Readonly<Record<number, string>> = {
  [Unknown]: 'the guest is gone',
  [Initialising]: 'the frontend begins anew',
  [InitWait]: 'the frontend begins anew',
  [Initialised]: 'the frontend begins anew',
  [Closing]: 'the frontend closes',
  [Closed]: 'the frontend has closed',
}
