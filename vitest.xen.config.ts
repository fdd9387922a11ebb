import { defineConfig } from 'vitest/config'

/** Tests on a real Xen, emulated: a machine for each file, and each of them takes a processor. Run by tools/test-xen.mjs. */
export default defineConfig({
  test: {
    include: ['test/xen/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 420_000,
  },
})
