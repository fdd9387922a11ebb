import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/{plane,tools,gallery,docs}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Bounds of hangs, not of speed: other work on the machine must not decide.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
