/**
 * What holds for every command: it is walked to from the tree, and has a row here with words that make it run. `--json` gives
 * JSON and nothing else; what may not be opened, written or found costs one line and a documented exit code.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allNodes, type CommandNode, commandTree } from '../../src/cli/command-tree.js'
import { makeProgram } from '../../src/cli/program.js'
import { ERRORS } from '../../src/errors/errors.js'
import { findInstalled } from '../../src/lab/guest/tools.js'
import { Cli, type CliResult, cli } from '../host/cli-process.js'

const folder = mkdtempSync(join(tmpdir(), 'ringferry-everywhere-'))
const at = (name: string): string => join(folder, name)
const control = at('control.sock')
const HOLDS = 'examples/holds.yaml'

/**
 * Words behind each command with which it ends soon and well, whatever another of them did before or does meanwhile.
 * `undefined`: told elsewhere.
 */
const WORDS: Readonly<Record<string, readonly string[] | undefined>> = {
  up: ['--dry-run', '--vif', 'a=/tmp/a.sock'],
  status: [],
  'port list': [],
  'port show': ['g1'],
  'port add': ['vif', `g2=${at('g2.sock')}`],
  'port set': ['g1', 'vlan=7'],
  'port del': ['g7'],
  'fdb show': [],
  'fdb flush': [],
  stats: [],
  events: [],
  top: ['--once'],
  'config check': [at('good.yaml')],
  'config diff': [at('good.yaml')],
  'config apply': [at('good.yaml'), '--dry-run'],
  'config show': [],
  drain: [],
  resume: [],
  'log level': [],
  // Follows the switch until a signal.
  tune: ['--dry-run'],
  'tune show': [],
  'tune set': ['g1', '--weight', '2'],
  'tune policy': ['adaptive'],
  'tune awake': ['0'],
  'tune explain': ['g1'],
  // Its filter lets nothing pass, and it ends by a signal: below.
  capture: undefined,
  replay: [at('one.pcap'), 'g1'],
  attach: ['g1', '--print', 'qemu', '--socket', '/tmp/a.sock'],
  // Boots a kernel, fetches packages: host tests.
  'guest run': undefined,
  'guest fetch': undefined,
  doctor: [],
  completion: ['bash'],
  'lab list': [],
  'lab workloads': [],
  'lab run': [HOLDS, '--dry-run'],
  'lab report': ['docs/reports/rfc2544', '--out', at('report')],
  // Ends with 2 when a run says too little for a gate: its own tests.
  'lab compare': undefined,
  'lab export': ['docs/reports/rfc2544'],
  'sim run': [at('model.yaml')],
  'sim steps': [],
  // Simulate for long: their own tests.
  'sim sweep': undefined,
  'sim held-out': undefined,
  'sim calibrate': undefined,
  'sim validate': undefined,
  'sim worker': undefined,
  'sim line-rate': undefined,
  'sim frontier': undefined,
  plan: undefined,
}

const nodes = allNodes(commandTree(await makeProgram()))
const nameOf = ({ path }: CommandNode): string => path.replace(/^ringferry ?/, '')
const leaves = nodes.filter(
  (node) => node.path !== 'ringferry' && (node.commands.length === 0 || nameOf(node) === 'tune'),
)
const asks = (node: CommandNode): boolean =>
  node.options.some(({ long }) => long === '--control') && !['up', 'attach'].includes(nameOf(node))

/** One line without a stack, and an exit code of the table. */
function expectOneLine(what: string, { code, stderr }: CliResult, codes: readonly number[]): void {
  expect({ what, stderr }).toEqual({ what, stderr: expect.stringMatching(/^ringferry: [^\n]+\n$/) })
  expect({ what, code, stderr }).toEqual({
    what,
    code: expect.toSatisfy((c: number) => codes.includes(c)),
    stderr,
  })
}

/** A capture file of one frame of 60 bytes. Source: the pcap file format. */
function pcapOfOne(): Buffer {
  const head = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex')
  const packet = Buffer.alloc(16 + 60)
  packet.writeUInt32LE(60, 8)
  packet.writeUInt32LE(60, 12)
  packet.write('ffffffffffff02000000000108060001', 16, 'hex')
  return Buffer.concat([head, packet])
}

/** Two at a time: each is a process that starts slowly. */
async function inTurn<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const work = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item)
  }
  await Promise.all([work(), work()])
}

let up: Cli
beforeAll(async () => {
  writeFileSync(at('good.yaml'), `ports: [{kind: vif, name: g1, socket: ${at('g1.sock')}}]\n`)
  writeFileSync(
    at('model.yaml'),
    'name: tiny\nnics: [{name: eth0, gbps: 10}]\nvms: [{name: a}]\ntraffic: [{kind: open, from: eth0, to: a, rateFps: 1000, frameBytes: 64}]\nmeasureMs: 20\nreplications: {min: 2, max: 2}\n',
  )
  writeFileSync(at('one.pcap'), pcapOfOne())
  up = new Cli(['up', '--vif', `g1=${at('g1.sock')}`, '--control', control])
  await up.printed('the switch runs')
})
afterAll(async () => {
  up.kill('SIGTERM')
  await up.ended
  rmSync(folder, { recursive: true, force: true })
})

describe('every command', () => {
  it('takes --json and has its words here', () => {
    const without = leaves.filter(({ options }) => !options.some(({ long }) => long === '--json'))
    expect(without.map(nameOf)).toEqual([])
    expect(leaves.map(nameOf).filter((name) => !(name in WORDS))).toEqual([])
  })

  it('prints JSON and nothing else with --json', async () => {
    const able = leaves.filter((node) => WORDS[nameOf(node)] !== undefined)
    await inTurn(able, async (node) => {
      const name = nameOf(node)
      const follows = name === 'tune'
      const words = [
        ...name.split(' '),
        ...(WORDS[name] ?? []),
        '--json',
        ...(asks(node) ? ['--control', control] : []),
      ]
      const running = new Cli(words)
      if (follows) {
        await running.printed('\n')
        running.kill('SIGINT')
      }
      const { code, stdout, stderr } = await running.ended
      expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' })
      const lines = stdout.trimEnd().split('\n')
      for (const line of lines) expect(() => JSON.parse(line), `${name}: ${line}`).not.toThrow()
    })
  }, 180_000)

  it('capture says how it ended as JSON beside a file, and refuses it beside the frames', async () => {
    const running = new Cli(['capture', 'g1', '-w', at('a.pcapng'), '--json', '--control', control])
    await expect.poll(() => existsSync(at('a.pcapng')), { timeout: 60_000 }).toBe(true)
    running.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, file: at('a.pcapng'), frames: 0 })
    expectOneLine('capture', await cli(['capture', 'g1', '--json', '--control', control]), [2])
  }, 90_000)
})

/** Commands that go on until they are ended, and print again and again. */
const FOLLOWERS: readonly (readonly string[])[] = [
  ['events', '--follow', '--json'],
  ['stats', '--watch'],
  ['stats', '--watch', '--json'],
  ['top', '--json'],
  ['tune', '--dry-run', '--json'],
]

describe('a command that follows a switch', () => {
  it.each(FOLLOWERS)('%s %s ends like others when its reader goes, and says nothing', async (...words) => {
    const running = new Cli([...words, '--control', control])
    await running.printed('\n')
    running.child.stdout?.destroy()
    const ended = running.ended.then(() => true)
    // Something to print for those that wait for what happens.
    for (let vlan = 2; !(await Promise.race([ended, false])); vlan = (vlan % 4000) + 1)
      await cli(['port', 'set', 'g1', `vlan=${vlan}`, '--control', control])
    expect(await running.ended).toMatchObject({ code: 141, stderr: '' })
  }, 120_000)

  it.each(FOLLOWERS)('%s %s ends with 0 at Ctrl-C', async (...words) => {
    const running = new Cli([...words, '--control', control])
    await running.printed('\n')
    running.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
  }, 120_000)

  it('ends with one line when the switch is killed', async () => {
    const doomed = new Cli(['up', '--vif', `g1=${at('doomed.sock')}`])
    await doomed.printed('the switch runs')
    const followers = FOLLOWERS.map((words) => new Cli([...words, '--control', doomed.control]))
    // Nothing happens in it: `events` may not have asked yet, and is told that nobody is there.
    await Promise.all(followers.slice(1).map((each) => each.printed('\n')))
    doomed.kill('SIGKILL')
    for (const [index, each] of followers.entries())
      expectOneLine(String(FOLLOWERS[index]), await each.ended, [ERRORS.NOT_FOUND.exit, ERRORS.SYSCALL.exit])
  }, 120_000)
})

const OUTPUTS: readonly (readonly string[])[] = [
  ['lab', 'export', 'docs/reports/rfc2544', '--csv'],
  ['lab', 'compare', 'docs/reports/rfc2544', 'docs/reports/rfc2544', '--html'],
  ['lab', 'report', 'docs/reports/rfc2544', '--out'],
  ['lab', 'run', HOLDS, '--quick', '--out'],
  ['lab', 'run', HOLDS, '--dry-run', '--json'],
  ['sim', 'run', 'seed', '--plot'],
  ['sim', 'sweep', 'examples/sweep.yaml', '--out'],
  ['plan', '--nic', '10g', '--workload', 'web:10KB', '--report'],
  ['capture', 'g1', '--control', control, '-w'],
]

/** Root without rights over what belongs to others: as an ordinary user, wherever the checkout lies. */
const NO_RIGHTS = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
const OTHER_USER = 65534
const able = process.getuid?.() === 0 && findInstalled('setpriv') !== undefined
if (!able) console.log('skipped in part: taking rights away needs root and setpriv')

describe.runIf(able)('what may not be opened', () => {
  beforeAll(() => {
    mkdirSync(at('closed'), { mode: 0o700 })
    writeFileSync(at('secret'), 'ports: []\n', { mode: 0o600 })
    for (const name of ['closed', 'secret']) chownSync(at(name), OTHER_USER, OTHER_USER)
  })
  const PERMISSION = [ERRORS.PERMISSION.exit]

  it('costs one line where the switch is another user’s', async () => {
    chownSync(control, OTHER_USER, OTHER_USER)
    chmodSync(control, 0o660)
    try {
      const able = leaves.filter((node) => asks(node) && WORDS[nameOf(node)] !== undefined)
      await inTurn(able, async (node) => {
        const words = [
          ...nameOf(node).split(' '),
          ...(WORDS[nameOf(node)] ?? []),
          '--json',
          '--control',
          control,
        ]
        expectOneLine(words.join(' '), await cli(words, NO_RIGHTS), PERMISSION)
      })
    } finally {
      chownSync(control, 0, 0)
    }
  }, 180_000)

  it('costs one line where a file is unreadable, or a folder', async () => {
    const readers: readonly (readonly string[])[] = [
      ['up', '--dry-run', '--config'],
      ['config', 'check'],
      ['attach', 'g1', '--print', 'qemu', '--config'],
      ['lab', 'run', '--dry-run'],
      ['sim', 'run'],
      ['sim', 'sweep'],
      ['plan', '--nic', '10g', '--workload', 'web:10KB', '--model'],
      ['replay', '--control', control, '--json'],
    ]
    const last = (words: readonly string[]): readonly string[] => (words[0] === 'replay' ? ['g1'] : [])
    await inTurn(readers, async (words) => {
      const secret = [...words, at('secret'), ...last(words)]
      expectOneLine(secret.join(' '), await cli(secret, NO_RIGHTS), PERMISSION)
      const dir = [...words, folder, ...last(words)]
      expectOneLine(dir.join(' '), await cli(dir, NO_RIGHTS), [ERRORS.USAGE.exit])
    })
  }, 180_000)

  it('costs one line where a result cannot be written', async () => {
    await inTurn(OUTPUTS, async (words) => {
      const closed = [...words, join(at('closed'), 'out')]
      expectOneLine(closed.join(' '), await cli(closed, NO_RIGHTS), PERMISSION)
    })
  }, 180_000)
})
