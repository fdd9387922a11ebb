/** What the thread that decides is given of an engine. */
export interface DeciderData {
  /** The engine's linear memory, and the buffer of its TuningSettings. */
  readonly memory: SharedArrayBuffer
  readonly tuning: SharedArrayBuffer
  /** The kernel's number of the engine's thread, and the start of its clock on the clock of the machine in microseconds. */
  readonly thread: number
  readonly clockStartUs: number
  /** An i32: 1 asks the thread to end. */
  readonly stop: SharedArrayBuffer
}
