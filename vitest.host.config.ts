import { defineConfig } from 'vitest/config'

/**
 * What they find does not depend on how quick the machine is, and all that they make has names of its own: they run side by
 * side. Others measure, count losses or have devices of fixed names.
 */
const BESIDE = [
  'test/host/cli-{guest,pack,usage}.test.ts',
  'test/host/guest-{fetch,qemu,uml}.test.ts',
  'test/host/{lab-report,sim-pcap}.test.ts',
  'test/host/traffic-{dgram,memory,restart,stream}.test.ts',
]

/** Host tests: real guest kernels, TAPs and namespaces. Run by tools/test.mjs. */
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 180_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/host/**/*.test.ts'],
          exclude: BESIDE,
          maxWorkers: 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'beside', include: BESIDE, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
