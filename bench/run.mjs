// Builds what has changed, then runs a bench: node bench/run.mjs pps [--quick] [--seconds N] [--json FILE]
import { ensureBuilt } from './lib/build.mjs'

const [name = ''] = process.argv.splice(2, 1)
const BENCHES = [
  'pps',
  'latency',
  'aggregate',
  'plane',
  'scale',
  'limits',
  'decide',
  'host',
  'sim',
  'migration',
]
if (!BENCHES.includes(name)) {
  console.error(`usage: node bench/run.mjs ${BENCHES.join('|')} [--help]`)
  process.exit(2)
}
ensureBuilt()
await import(`./${name}.mjs`)
