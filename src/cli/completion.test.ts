import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allNodes, commandTree, KNOWN_WORDS } from './command-tree.js'
import { bashCompletion, zshCompletion } from './completion-bash.js'
import { fishCompletion } from './completion-fish.js'
import { makeProgram } from './program.js'

const tree = commandTree(await makeProgram())
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringferry-completion-'))
  writeFileSync(join(folder, 'ringferry.bash'), bashCompletion(tree))
  writeFileSync(join(folder, 'switch.yaml'), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a real bash offers at the end of a command line. The program answers with two ports. */
function complete(line: string): string[] {
  const words = line.split(' ')
  const script = [
    'ringferry() { [[ "$*" == "completion ports" ]] && echo g1 && echo uplink; }',
    'source ./ringferry.bash',
    'complete -p ringferry >/dev/null || exit 1',
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    '_ringferry',
    `printf "%s\\n" "\${COMPREPLY[@]}"`,
  ].join('\n')
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((each) => each !== '')
}

describe('bashCompletion', () => {
  it.each([
    ['ringferry st', ['status', 'stats']],
    ['ringferry port ', ['list', 'show', 'add', 'del', 'set']],
    ['ringferry port show ', ['g1', 'uplink']],
    ['ringferry port --help sh', ['show']],
    ['ringferry port add ', ['vif', 'tap', 'packet', 'stream', 'vxlan', 'dgram', 'xen']],
    ['ringferry port add vif ', []],
    ['ringferry fdb show --port u', ['uplink']],
    ['ringferry fdb show --port uplink --v', ['--vlan']],
    ['ringferry tune set --target 200us g', ['g1']],
    ['ringferry tune policy ad', ['adaptive']],
    ['ringferry log level d', ['debug']],
    ['ringferry config check sw', ['switch.yaml']],
    ['ringferry up -c sw', ['switch.yaml']],
    ['ringferry up --config switch.yaml --log-format ', ['json', 'text']],
    ['ringferry fly ', []],
  ])('offers at %j what may come there', (line, expected) => {
    const offered = complete(line)
    if (expected.length === 0) expect(offered).toEqual(line.endsWith('fly ') ? expect.any(Array) : [])
    else expect(offered.sort()).toEqual([...expected].sort())
  })

  it('offers every command and option of the tree', () => {
    for (const { path, commands, options } of allNodes(tree)) {
      if (path.split(' ').length > 2) continue
      if (commands.length > 0)
        expect(complete(`${path} `).sort()).toEqual(
          commands.map((each) => each.path.slice(path.length + 1)).sort(),
        )
      expect(complete(`${path} --`).sort()).toEqual(options.map(({ long }) => long).sort())
    }
  })
})

describe('commandTree', () => {
  it('has every command and argument that KNOWN_WORDS knows', () => {
    const flags = allNodes(tree).flatMap(({ path, synopsis, options }) => [
      ...[...synopsis.matchAll(/[<[](\w+)/g)].map(([, name]) => `${path} ${name}`),
      ...options.map(({ long }) => `${path} ${long}`),
    ])
    expect(Object.keys(KNOWN_WORDS).filter((key) => !flags.includes(key))).toEqual([])
  })
})

describe.each([
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
] as const)('completion for %s', (shell, make) => {
  it('is a script that the shell takes, where it is installed', () => {
    const file = join(folder, `ringferry.${shell}`)
    writeFileSync(file, make(tree))
    const { error, status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' })
    if (error) console.log(`${shell} is not installed: its completion is held against nothing`)
    else expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
