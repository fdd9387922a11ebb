/**
 * What a bed must undo: last in, first out, each once, whatever ends it. A shell that outlives this process does
 * the least of it (devices and folders) when the process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'

/** From the end of this process to the removal: what the kernel ends with it needs a moment. */
const WATCHER = `
links= folders= left=
while IFS=' ' read -r verb word; do
  case $verb in
  link) links="$word $links" ;;
  folder) folders="$word $folders" ;;
  left) left=yes ;;
  esac
done
[ -z "$left" ] || exit 0
PATH=$PATH:/usr/sbin:/sbin
sleep 2
for link in $links; do ip link del dev "$link"; done
for folder in $folders; do rm -rf -- "$folder"; done
`

export class Undo {
  readonly #tasks: (() => unknown)[] = []
  #watcher: ChildProcess | undefined
  #done: Promise<void> | undefined

  /** Registers what must be undone. What is registered after the end is done at once. */
  add(task: () => unknown): void {
    if (this.#done) void Promise.resolve().then(task).catch(noMatter)
    else this.#tasks.push(task)
  }

  #watch(line: string): void {
    this.#watcher ??= startWatcher()
    this.#watcher.stdin?.write(`${line}\n`)
  }

  /** A network device of the host that must not outlive this process. It is removed by a task of its own. */
  watchLink(name: string): void {
    this.#watch(`link ${name}`)
  }

  /** A folder that must not outlive this process; its path is free of blanks. */
  watchFolder(path: string): void {
    this.#watch(`folder ${path}`)
  }

  /** Undoes everything. Never rejects; may be called again. */
  run(): Promise<void> {
    this.#done ??= this.#run()
    return this.#done
  }

  async #run(): Promise<void> {
    // Not only those of now: what is being made may register its undoing meanwhile.
    for (let task = this.#tasks.pop(); task; task = this.#tasks.pop()) await attempt(task)
    this.#watcher?.stdin?.end('left\n')
  }
}

async function attempt(task: () => unknown): Promise<void> {
  try {
    await task()
  } catch {
    // The rest must be undone all the same.
  }
}

function noMatter(): void {}

function startWatcher(): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', WATCHER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.on('error', noMatter)
  watcher.stdin?.on('error', noMatter)
  watcher.unref()
  const stdin = watcher.stdin as unknown as { unref?: () => void } | null
  stdin?.unref?.()
  return watcher
}
