// Windows of the parts that have a generator of their own: short ones, since the distance of the processors changes.
export const WINDOW_MS = 20
/** Before each window, so that what waited while the switch stood is not in it. */
export const SETTLE_MS = 2
