/** What the controller does where nothing is said. */
export const POLICY_DEFAULT = { name: 'natural' } as const
/** Share of its core that the engine may use. */
export const BUDGET_DEFAULT = 0.8
/** For a vif: p99 of the time from arrival to publication, in microseconds; its weight relative to others. */
export const VIF_DEFAULTS = { targetUs: 500, weight: 1 } as const
