import { defineConfig } from 'vitest/config'

/** Host tests: real guest kernels, TAPs and namespaces, one file after the other. Run by tools/test.mjs. */
export default defineConfig({
  test: {
    include: ['test/host/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
})
