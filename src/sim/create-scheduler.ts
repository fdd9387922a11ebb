import type { SchedulerName } from './model.js'
import type { Scheduler } from './scheduler.js'
import { CreditScheduler } from './scheduler-credit.js'
import { FairScheduler } from './scheduler-fair.js'

export function createScheduler(name: SchedulerName, cores: number): Scheduler {
  return name === 'credit' ? new CreditScheduler(cores) : new FairScheduler(cores)
}
