/** What `ringferry up` shows on a terminal: the screen of `top`, and at the end the events on the terminal as it was. */
import { FullScreen } from './full-screen.js'
import { print } from './output.js'
import { paintFor } from './paint.js'
import { Title, topPorts } from './top-frame.js'
import { afterKey, FIRST_VIEW, screenLines, type TopEvent, type TopSnapshot } from './top-screen.js'
import { changeLines, enterHint, eventLine, STOP_HINT, targetLine, type View } from './up-view.js'

/** Events that are kept for the screen, and for the end. */
const KEPT = 200

/** A live view: it begins with the first frame and must be ended. */
export function liveView(): View {
  const title = new Title()
  const events: TopEvent[] = []
  const paint = paintFor(process.stdout)
  let snapshot: TopSnapshot = { title: '', ports: [], events, quit: STOP_HINT }
  let view = FIRST_VIEW
  let screen: FullScreen | undefined
  const draw = (): void => screen?.draw(screenLines(snapshot, view, screen.size, paint))
  const say = (texts: readonly string[], isBad = false): void => {
    for (const text of texts) events.push({ time: new Date().toISOString(), text, isBad })
    events.splice(0, events.length - KEPT)
    draw()
  }
  const onKey = (key: string): void => {
    if (!screen) return
    view = afterKey(key, view, snapshot, screen.size) ?? { ...view, notice: `${STOP_HINT} the switch` }
    draw()
  }
  return {
    begin(frame, enter) {
      if (enter !== undefined) print(enterHint(enter))
      if (enter !== undefined) say([enterHint(enter)])
      screen = new FullScreen({ onKey, onResize: draw })
      this.second(() => frame)
    },
    event: (event) => say([eventLine(event)], event.event === 'error' || event.event === 'loop'),
    changed: (outcome) => say(changeLines(outcome), 'error' in outcome),
    target: (change) => say([targetLine(change)], change.event === 'target-missed'),
    second(read) {
      const frame = read()
      snapshot = { ...snapshot, title: title.text(frame.status), ports: topPorts(frame) }
      draw()
    },
    end() {
      screen?.end()
      screen = undefined
      for (const { time, text } of events) print(`${time} ${text}`)
    },
  }
}
