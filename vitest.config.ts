import { defineConfig } from 'vitest/config'

/** They move their process into a network of its own, or count what the process has: heap, descriptors, threads. */
const OWN_PROCESS = [
  'src/engine/switch.test.ts',
  'src/port/{packet,packet-ring,tap,tap-batches,tap-merge,tap-refused}.test.ts',
  'test/plane/heap.test.ts',
]
/** They wait, or start many processes: too slow for every change. */
const SLOW = [
  'test/slow/**/*.test.ts',
  'src/daemon/api/{contract,refusals}.test.ts',
  'src/cli/command-words.test.ts',
  'src/cli/own-namespace.test.ts',
  'src/embedded/traffic.test.ts',
  'src/engine/{decider,keep-awake,promises}.test.ts',
  'src/lab/{bed/awake,guest/agent}.test.ts',
  'src/aggregation/{budget,closed-loop}.test.ts',
  'src/plan/plan.test.ts',
  'src/sim/saturated.test.ts',
  'src/experiment/held-out.test.ts',
  'src/experiment/calibration/{calibrate,validate}.test.ts',
]
/** `npm run unit:interrupted`: the clock jumps, as on a machine that is busy. */
const SETUP = process.env.RINGFERRY_TEST_CLOCK === 'jumps' ? ['test/support/jumping-clock.ts'] : []
const HERE = ['src/**/*.test.ts', 'test/{plane,tools,gallery,docs}/**/*.test.ts']

/**
 * `npm run ok` and `npm run unit` run all but `slow`: tests that need seconds, because they flood, wait or start many
 * processes. `npm test` runs those as well, and then the host tests (vitest.host.config.ts).
 */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // Bounds of hangs, not of speed: other work on the machine must not decide.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: SETUP,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: HERE,
          exclude: [...OWN_PROCESS, ...SLOW],
          // Files share a process, so that modules are loaded and the plane is compiled once.
          isolate: false,
          // Each guest's mapping has V8 mark its heap: without threads of its own that costs a fifth less.
          execArgv: ['--single-threaded-gc', '--min-semi-space-size=16'],
        },
      },
      { extends: true, test: { name: 'process', include: OWN_PROCESS } },
      { extends: true, test: { name: 'slow', include: SLOW } },
    ],
  },
})
