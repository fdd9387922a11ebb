import type { Host } from './model.js'
import type { Scheduler } from './scheduler.js'
import { CreditScheduler } from './scheduler-credit.js'
import { FairScheduler } from './scheduler-fair.js'

export function createScheduler({ scheduler, cores }: Host): Scheduler {
  return scheduler === 'credit' ? new CreditScheduler(cores) : new FairScheduler(cores)
}
