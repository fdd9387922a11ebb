// The emulated machine with Xen and its guests, which the tests on Xen have: TypeScript beside the tests, loaded by their tool.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function load(name) {
  const { module } = await runnerImport(join(root, 'test/xen/host', name), { root, configFile: false })
  return module
}

/** @returns {Promise<Record<string, any>>} XenMachine, XenGuest, XenRingferry */
export async function loadXenHost() {
  const parts = [await load('machine.ts'), await load('guest.ts'), await load('ringferry.ts')]
  return Object.assign({}, ...parts)
}
