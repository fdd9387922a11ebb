import { defineConfig } from 'vitest/config'

/** `npm run test:systemd`: boots a systemd in namespaces of its own. Needs root, and takes some minutes. */
export default defineConfig({
  test: {
    include: ['test/systemd/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    // What is installed is there for those behind it.
    sequence: { concurrent: false },
    bail: 1,
  },
})
