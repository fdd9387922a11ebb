import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { cli } from '../../test/host/cli-process.js'
import { howToEnter } from './own-namespace.js'

const NOBODY = 65534
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
const [program = '', ...rest] = [...asNobody, 'unshare', '--user', '--map-root-user', '--net', 'true']
const canMakeNamespaces = process.getuid?.() === 0 && spawnSync(program, rest).status === 0

describe('own namespace', () => {
  it('howToEnter names the process whose devices they are', () => {
    expect(howToEnter(42)).toBe('nsenter --target 42 --user --net --preserve-credentials')
  })

  it.skipIf(!canMakeNamespaces)(
    'ringferry guest run gives an ordinary user a netns guest, with the exit code of its command',
    async () => {
      const { code, stdout } = await cli(
        ['guest', 'run', 'netns', '--name', 'n1', '--', 'ip -brief link; exit 3'],
        asNobody,
      )
      expect(code).toBe(3)
      expect(stdout).toMatch(/^rf\d+n1 .*LOWER_UP/m)
    },
  )
})
