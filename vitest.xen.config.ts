import { defineConfig } from 'vitest/config'

/** Tests on a real Xen, emulated: one machine at a time. Run by tools/test-xen.mjs. */
export default defineConfig({
  test: {
    include: ['test/xen/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 420_000,
  },
})
