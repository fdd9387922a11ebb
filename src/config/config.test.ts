import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { RingferryError } from '../errors/errors.js'
import { addPorts, checkText, loadConfig, parseConfig } from './config.js'
import { configJsonSchema } from './schema.js'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

function failure(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(RingferryError)
    return `${(error as RingferryError).code} ${(error as RingferryError).message}`
  }
  return 'no error'
}
const mistake = (text: string): string => failure(() => parseConfig(text, 'a.yaml'))

describe('parseConfig', () => {
  it('parseConfig gives ports and engine options when all is right', () => {
    const text = `engine: {memoryMb: 256, spinUs: 5}\nports:\n  - {kind: vif, name: g1, socket: /tmp/a, trunk: [10, 20]}\n`
    expect(parseConfig(text, 'a.yaml')).toEqual({
      engine: { memoryBytes: 256 * 2 ** 20, spinUs: 5 },
      ports: [{ kind: 'vif', name: 'g1', socket: '/tmp/a', trunk: [10, 20] }],
    })
  })

  it('parseConfig takes guards, limits, targets and a policy', () => {
    const text = [
      'engine: {policy: {name: fixed, holdUs: 50}, budget: 0.5, awake: 0.25}',
      'ports:',
      '  - {kind: vif, name: a, socket: x, targetUs: 200, weight: 2, macs: ["02:00:00:00:00:01"],',
      '     addresses: [10.0.0.1, link-local], fromVm: {averageKiB: 1000}, stormFps: 100, merge: false}',
    ].join('\n')
    expect(parseConfig(text, 'a.yaml')).toEqual({
      engine: { policy: { name: 'fixed', holdUs: 50 }, budget: 0.5, awake: 0.25 },
      ports: [
        {
          ...{ kind: 'vif', name: 'a', socket: 'x', targetUs: 200, weight: 2 },
          ...{ macs: ['02:00:00:00:00:01'], addresses: ['10.0.0.1', 'link-local'] },
          ...{ fromVm: { averageKiB: 1000 }, stormFps: 100, merge: false },
        },
      ],
    })
  })

  it.each([
    '',
    '# all commented out\n',
    '---\n',
  ])('parseConfig refuses a file when it is empty: %j', (text) => {
    expect(() => parseConfig(text, 'a.yaml')).toThrow(/^a\.yaml:1:\d: the file is empty; write "ports: \[\]"/)
    expect(parseConfig('ports: []', 'a.yaml')).toEqual({ engine: {}, ports: [] })
  })

  it('parseConfig names line and column when the text is no YAML', () => {
    expect(mistake('ports:\n  - {kind: vif\n')).toMatch(/^CONFIG a\.yaml:\d+:\d+: this is not valid YAML: /)
    expect(mistake('ports:\n\t- a\n')).toMatch(/^CONFIG a\.yaml:2:1: this is not valid YAML: /)
  })

  it('parseConfig points at the key when a setting is unknown', () => {
    expect(mistake('ports:\n  - kind: tap\n    name: t\n    device: d\n    mtuu: 9\n')).toMatch(
      /^CONFIG a\.yaml:5:5: unknown setting "mtuu" \(did you mean "mtu"\?\); allowed here: kind, name, .*, offloads$/,
    )
    expect(mistake('engine:\n  policy: {name: fixed, hold: 5}\n')).toBe(
      'CONFIG a.yaml:2:25: unknown setting "hold" (did you mean "holdUs"?); allowed here: name, holdUs, maxFrames',
    )
    expect(mistake('port: []\n')).toBe(
      'CONFIG a.yaml:1:1: unknown setting "port" (did you mean "ports"?); allowed here: engine, control, ports',
    )
  })

  it('parseConfig points at the value when it is not allowed', () => {
    expect(mistake('ports:\n  - name: a\n    kind: bridge\n')).toBe(
      'CONFIG a.yaml:3:11: ports[0].kind is "bridge"; allowed: vif, tap, packet, stream, dgram, vxlan, xen',
    )
    expect(mistake('ports:\n  - {kind: vif, name: a, socket: s, publish: often}\n')).toBe(
      'CONFIG a.yaml:2:46: ports[0].publish is "often"; allowed: natural, per-packet',
    )
    expect(mistake('engine:\n  spinUs: -1\n')).toBe(
      'CONFIG a.yaml:2:11: engine.spinUs is -1; it must be at least 0',
    )
    expect(mistake('engine:\n  budget: 0\n')).toBe(
      'CONFIG a.yaml:2:11: engine.budget is 0; it must be more than 0',
    )
    expect(mistake('engine:\n  memoryMb: many\n')).toBe(
      'CONFIG a.yaml:2:13: engine.memoryMb is "many"; it must be a number, in MB',
    )
  })

  it('parseConfig points at the port when a setting is missing', () => {
    expect(mistake('ports:\n  - kind: vif\n    name: a\n')).toBe(
      'CONFIG a.yaml:2:5: ports[0].socket is missing',
    )
    expect(mistake('ports:\n  - name: a\n')).toBe(
      'CONFIG a.yaml:2:5: ports[0].kind is missing; allowed: vif, tap, packet, stream, dgram, vxlan, xen',
    )
  })

  it('parseConfig points at what a tunnel cannot be made of, once each', () => {
    const tunnel = (more: string): string => mistake(`ports:\n  - {kind: vxlan, name: t, vni: 5, ${more}}\n`)
    expect(tunnel('local: 10.0.0, peers: [10.0.0.2]')).toBe(
      'CONFIG a.yaml:2:43: ports[0].local is "10.0.0"; write an IPv4 or IPv6 address, like 10.0.0.5 or fd00::5',
    )
    expect(tunnel('local: 10.0.0.1, peers: [10.0.0.300]')).toMatch(
      /^CONFIG a.yaml:2:61: ports\[0\].peers\[0\] is "10.0.0.300"; write an IPv4 [^;]*$/,
    )
    expect(tunnel('local: 10.0.0.1')).toMatch(/^CONFIG a.yaml:2:5: ports\[0\].peers are missing; give /)
    expect(tunnel('local: fe80::1, anyPeer: true')).toMatch(
      /ports\[0\].local is "fe80::1", which is good on one link only/,
    )
  })

  it('parseConfig counts the other mistakes when there are several', () => {
    expect(mistake('engine: {spinUs: -1, ageingS: 0}\n')).toMatch(/ \(and 1 more; ringferry config check/)
  })

  it('parseConfig refuses two ports when they share a name, socket or device', () => {
    const two = (a: string, b: string) => `ports:\n  - {kind: vif, ${a}}\n  - {kind: vif, ${b}}\n`
    expect(mistake(two('name: a, socket: x', 'name: a, socket: y'))).toBe(
      'CONFIG a.yaml:3:23: name "a" is taken by port a; choose another',
    )
    expect(mistake(two('name: a, socket: x', 'name: b, socket: x'))).toBe(
      'CONFIG a.yaml:3:34: socket "x" is taken by port a; choose another',
    )
  })

  it('parseConfig refuses a port when it is both access and trunk', () => {
    expect(mistake('ports:\n  - {kind: vif, name: a, socket: x, vlan: 1, trunk: [2]}\n')).toContain(
      'not both',
    )
  })
})

describe('addresses and limits of ports', () => {
  it.each([
    [
      'macs: ["02:00:00:00:01"]',
      /^CONFIG a\.yaml:2:44: ports\[0\]\.macs\[0\] is "02:00:00:00:01"; write a MAC/,
    ],
    [
      'addresses: [10.0.0.5/24]',
      /^CONFIG a\.yaml:2:49: ports\[0\]\.addresses\[0\] is "10\.0\.0\.5\/24", which has/,
    ],
    ['learn: {nd: [10.0.0.0/8]}', /^CONFIG a\.yaml:2:\d+: ports\[0\]\.learn\.nd takes IPv6 prefixes/],
    ['fromVm: {burstKiB: 5}', /^CONFIG a\.yaml:2:\d+: ports\[0\]\.fromVm\.burstKiB needs averageKiB/],
    ['nativeVlan: 3', /^CONFIG a\.yaml:2:\d+: ports\[0\]\.nativeVlan is for trunks; add trunk, or use vlan$/],
  ])('parseConfig points at %s, which no schema refuses', (setting, message) => {
    expect(mistake(`ports:\n  - {kind: vif, name: a, socket: x, ${setting}}\n`)).toMatch(message)
  })
})

describe('checkText', () => {
  const lines = (text: string): string[] =>
    checkText(text).mistakes.map(({ line, column, message }) => `${line}:${column} ${message.slice(0, 40)}`)

  it('checkText finds every mistake, each at its place, when there are many', () => {
    const text = [
      'engine: {spinUs: -1, ageing: 0, bugdet: 1}',
      'ports:',
      '  - {kind: vif, name: a, socket: x, macs: [no, "02:00:00:00:00:01", 3:3], vlan: 7, trunk: [1]}',
      '  - {kind: vif, name: a, socket: x, fromVm: {burstKiB: 5}, toVm: {burstKiB: 1}}',
      '  - {kind: bridge, name: b}',
      '  - {kind: tap, name: c}',
    ].join('\n')
    expect(lines(text)).toEqual([
      '1:18 engine.spinUs is -1; it must be at least',
      '1:22 unknown setting "ageing" (did you mean "',
      '1:33 unknown setting "bugdet" (did you mean "',
      '3:44 ports[0].macs[0] is "no"; write a MAC ad',
      '3:69 ports[0].macs[2] is "3:3"; write a MAC a',
      '3:91 ports[0].trunk makes a trunk, and vlan a',
      '4:23 name "a" is taken by port a; choose anot',
      '4:34 socket "x" is taken by port a; choose an',
      '4:56 ports[1].fromVm.burstKiB needs averageKi',
      '4:77 ports[1].toVm.burstKiB needs averageKiB ',
      '5:12 ports[2].kind is "bridge"; allowed: vif,',
      '6:5 ports[3].device is missing',
    ])
  })

  it.each([
    ['two mistakes of YAML', 'a: [1\nb: }\n', 2],
    ['an alias of nothing', 'ports: *x\n', 1],
    [
      'aliases without end',
      `a: &a [x]\n${Array.from({ length: 9 }, (_, i) => `b${i}: &b${i} [${`*${i ? `b${i - 1}` : 'a'},`.repeat(9)}]\n`).join('')}`,
      1,
    ],
    ['nesting without end', '['.repeat(100_000), 1],
    ['a document behind it', 'ports: []\n---\nports: []\n', 1],
    ['nothing but a word', 'ports', 1],
  ])('checkText answers, and does not throw, when the text has %s', (_, text, least) => {
    expect(checkText(text).mistakes.length).toBeGreaterThanOrEqual(least)
  })
})

describe('loadConfig', () => {
  it('loadConfig says so when there is no file', () => {
    expect(failure(() => loadConfig('/nonexistent/a.yaml'))).toBe(
      'NOT_FOUND /nonexistent/a.yaml: there is no such configuration file',
    )
  })
})

describe('addPorts', () => {
  it('addPorts names the flag when its port is wrong or clashes with the file', () => {
    const config = parseConfig('ports:\n  - {kind: vif, name: a, socket: x}\n', 'a.yaml')
    const add = (port: Record<string, unknown>) => () => addPorts(config, [{ flag: '--vif F', port }])
    expect(failure(add({ kind: 'vif', name: 'b', socket: 'x' }))).toBe(
      'USAGE --vif F: socket "x" is taken by port a; choose another',
    )
    expect(failure(add({ kind: 'vif', name: 'b', socket: 'y', vlan: 5000 }))).toBe(
      'USAGE --vif F: vlan is 5000; it must be at most 4094',
    )
    expect(add({ kind: 'vif', name: 'b', socket: 'y' })().ports).toHaveLength(2)
  })
})

describe('configJsonSchema', () => {
  it('configJsonSchema is the published schema', async () => {
    const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`
    await expect(text).toMatchFileSnapshot(`${root}/docs/schema/config.schema.json`)
  })
})
