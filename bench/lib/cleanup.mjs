// What a bench must undo, whatever ends it: its own end, an error, Ctrl-C. Last in, first out.
/** @type {(() => unknown)[]} */
const tasks = []
let ending

/**
 * Registers what must be undone at the end. Returns a function that does it now, once.
 * @param {() => unknown} task
 * @returns {() => Promise<void>}
 */
export function undoLater(task) {
  tasks.push(task)
  return async () => {
    const index = tasks.indexOf(task)
    if (index < 0) return
    tasks.splice(index, 1)
    await task()
  }
}

/**
 * Why something failed, in a line.
 * @param {unknown} error
 */
export function reasonOf(error) {
  return error instanceof Error ? error.message : String(error)
}

/** Undoes everything that is left. */
export function undoAll() {
  ending ??= (async () => {
    for (let task = tasks.pop(); task; task = tasks.pop()) {
      try {
        await task()
      } catch (error) {
        console.error(`cleaning up: ${reasonOf(error)}`)
      }
    }
  })()
  return ending
}

/** Whether the bench was asked to stop. */
export const isEnding = () => ending !== undefined

/** Runs a bench; nothing of it is left when this settles. Ends the process with 1 on an error, 130 on Ctrl-C. */
export async function runBench(body) {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, async () => {
      interrupted = true
      await undoAll()
      process.exit(130)
    })
  try {
    await body()
  } catch (error) {
    // Whatever fails while everything is taken down fails for that reason.
    if (!interrupted) {
      console.error(error)
      process.exitCode = 1
    }
  }
  await undoAll()
  process.exit(interrupted ? 130 : process.exitCode)
}

/** Resolves after a time in milliseconds. */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
