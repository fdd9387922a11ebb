import type { Daemon } from '../../daemon.js'
import { METRICS_TYPE, Metrics } from '../../metrics/metrics.js'
import { Content, route } from '../route.js'

const kept = new WeakMap<Daemon, Metrics>()

function metricsOf(daemon: Daemon): Metrics {
  const metrics = kept.get(daemon) ?? new Metrics(daemon)
  kept.set(daemon, metrics)
  return metrics
}

export const getMetrics = route({
  method: 'GET',
  path: '/metrics',
  id: 'getMetrics',
  summary: 'What Prometheus scrapes; docs/metrics.md names all of it',
  content: { 'text/plain': 'Text format 0.0.4' },
  handle: async (daemon) => new Content(METRICS_TYPE, await metricsOf(daemon).text()),
})
