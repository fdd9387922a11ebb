/** A vhost-user session whose connection is kept, in a process that may end at any point and be followed by another. */
import { VhostUserFrontend } from '../../src/driver/vhost-user-frontend.js'
import { duplicate } from '../../src/sys/descriptor.js'
import { FdStore } from '../../src/sys/fd-store.js'
import { socketPair } from '../../src/sys/unix-socket.js'
import { VhostUserSession } from '../../src/vhost-user/session.js'
import { SessionKeeper } from '../../src/vhost-user/session-keeper.js'
import { NotifyListener } from './notify-listener.js'
import { RecordingDevice } from './session.js'

const OWNER = 'g1'
const IDENTITY = 'a port'
let made = 0

/** What is thrown where the process is to end. */
export class Killed extends Error {}

/** Where it ends: before a message is served, after its record, after its reply, after it was taken off the socket. */
export const KILLS = ['before', 'recorded', 'replied', 'dropped'] as const
export type Kill = (typeof KILLS)[number]

export class KeptSessionSite {
  readonly #address = `@ringferry-kept/${process.pid}-${made++}`
  readonly manager = new NotifyListener(this.#address)
  #store = new FdStore(this.#address, OWNER)
  readonly frontend: VhostUserFrontend
  device = new RecordingDevice()
  session: VhostUserSession
  #keeper: SessionKeeper
  /** Where the process ends next; it is followed by another at once. */
  kill: Kill | undefined
  /** Why the last process could not go on. */
  refusal: string | undefined

  constructor() {
    const [backend, front] = socketPair()
    this.#keeper = SessionKeeper.begin(this.#store, IDENTITY, backend)
    this.session = new VhostUserSession(backend, this.device, this.#watched(this.#keeper))
    this.frontend = new VhostUserFrontend(front, { pump: () => this.serve(), tries: 100 })
  }

  /** The keeper, with ends of the process where they are asked for. */
  #watched(keeper: SessionKeeper): SessionKeeper {
    const end = (at: Kill): void => {
      if (this.kill !== at) return
      this.kill = undefined
      throw new Killed(at)
    }
    return {
      take: (...args: Parameters<SessionKeeper['take']>) => {
        const labels = keeper.take(...args)
        end('before')
        return labels
      },
      served: (...args: Parameters<SessionKeeper['served']>) => {
        keeper.served(...args)
        end('recorded')
        if (this.kill === 'replied' && args[3].length > 0) this.frontendGets(args[3])
        end('replied')
      },
      taken: () => {
        end('dropped')
        keeper.taken()
      },
      inPieces: () => keeper.inPieces(),
      resumed: (...args: Parameters<SessionKeeper['resumed']>) => keeper.resumed(...args),
    } as unknown as SessionKeeper
  }

  /** The session's reply, sent by hand. */
  frontendGets: (reply: Uint8Array) => void = () => {}

  /** One step of the session, and what comes after its end. */
  serve(): void {
    this.manager.take()
    this.#store.tick()
    this.#keeper.tick()
    try {
      this.session.onReadable()
      this.#note()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      this.restart()
    }
  }

  /** The process ends here, and another begins. @param spoil changes what lies in the store */
  restart(spoil: (fds: Map<string, number>) => void = () => {}): void {
    this.#die()
    const fds = new Map(
      this.manager.stored().map(({ name, fd }) => [name.split('-')[1] as string, duplicate(fd)]),
    )
    spoil(fds)
    this.refusal = undefined
    this.#store = new FdStore(this.#address, OWNER)
    this.device = new RecordingDevice()
    const taken = SessionKeeper.takeUp(this.#store, IDENTITY, fds)
    if (typeof taken === 'string') {
      this.refusal = taken
      return
    }
    this.#keeper = taken.keeper
    this.session = new VhostUserSession(taken.session.fd, this.device, this.#watched(taken.keeper))
    this.session.resume(taken.session)
    this.#note()
  }

  /** Whoever made the keeper ends it. */
  #note(): void {
    if (this.session.reason === undefined || this.refusal !== undefined) return
    this.refusal = this.session.reason
    this.#keeper.end(false)
  }

  #die(): void {
    if (this.refusal !== undefined) return
    // Whatever it does on its way is not seen by the store.
    this.session.close('killed')
    this.#keeper.end(true)
  }

  close(): void {
    this.#die()
    this.frontend.close()
    this.manager.close()
  }

  /** Sends bytes on the session's socket. */
  get socket(): number {
    return this.session.fd
  }
}
