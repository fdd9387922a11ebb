/** All routes of the API. A topic has a file in routes/; its routes are listed here, and are served from then on. */
import type { AnyRoute } from './route.js'
import { startCapture } from './routes/captures.js'
import { applyConfig, checkConfig, diffConfig, showConfig } from './routes/config.js'
import { getDashboardFile, showDashboard } from './routes/dashboard.js'
import { getDelays } from './routes/delays.js'
import { drain, resume } from './routes/drain.js'
import { listEvents } from './routes/events.js'
import { flushFdb, showFdb } from './routes/fdb.js'
import { getLive } from './routes/live.js'
import { getLogLevel, setLogLevel } from './routes/log.js'
import { getMetrics } from './routes/metrics.js'
import { openApiRoute } from './routes/openapi.js'
import { addPort, deletePort, listPorts, setPort, showPort } from './routes/ports.js'
import { listPromises } from './routes/promises.js'
import { injectFrames } from './routes/replay.js'
import { getStats } from './routes/stats.js'
import { getStatus } from './routes/status.js'
import { changeTuning, getTuning } from './routes/tuning.js'

export const ROUTES: readonly AnyRoute[] = [
  openApiRoute(() => ROUTES),
  getStatus,
  listPorts,
  getDelays,
  showPort,
  addPort,
  setPort,
  deletePort,
  showFdb,
  flushFdb,
  drain,
  resume,
  getStats,
  listEvents,
  showConfig,
  checkConfig,
  diffConfig,
  applyConfig,
  getLogLevel,
  setLogLevel,
  getTuning,
  changeTuning,
  listPromises,
  getMetrics,
  startCapture,
  injectFrames,
  getLive,
  showDashboard,
  getDashboardFile,
]
