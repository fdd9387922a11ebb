/** All routes of the API. A topic has a file in routes/; its routes are listed here, and are served from then on. */
import type { AnyRoute } from './route.js'
import { openApiRoute } from './routes/openapi.js'
import { listPorts } from './routes/ports.js'
import { listPromises } from './routes/promises.js'
import { getStatus } from './routes/status.js'
import { changeTuning, getTuning } from './routes/tuning.js'

export const ROUTES: readonly AnyRoute[] = [
  openApiRoute(() => ROUTES),
  getStatus,
  listPorts,
  getTuning,
  changeTuning,
  listPromises,
]
