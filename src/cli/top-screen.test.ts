import { describe, expect, it } from 'vitest'
import { fortyPorts, topPort } from '../../test/support/top-ports.js'
import { NO_PAINT, PAINT } from './paint.js'
import { widthOf } from './text-width.js'
import { ORDERS, type Order } from './top-ports.js'
import { afterKey, FIRST_VIEW, screenLines, type TopSnapshot, type TopView } from './top-screen.js'

const ESC = '\x1b'
const [UP, DOWN, PAGE_UP, PAGE_DOWN] = ['[A', '[B', '[5~', '[6~'].map((each) => ESC + each) as [
  string,
  string,
  string,
  string,
]
const TITLE = 'ringferry 0.2.0, runs for 3 d 4 h, policy adaptive, budget 0.5, engine 31.0 %'

const snapshot: TopSnapshot = {
  title: TITLE,
  quit: 'q quits',
  ports: fortyPorts(),
  events: Array.from({ length: 9 }, (_, at) => ({
    time: '2026-01-31T12:00:00.000Z',
    text: `g${at}: target-missed (missed by 1110 us because of ${ESC}[31m words that go on and on and on and on and on)`,
    isBad: at === 8,
  })),
}
const SIZES = [20, 60, 80, 200].flatMap((columns) => [1, 6, 10, 24, 60].map((rows) => ({ columns, rows })))
const AT_80 = { columns: 80, rows: 24 }

/** Names of the ports on the screen, from the top. */
function namesOn(view: TopView, size = AT_80, of = snapshot): string[] {
  return screenLines(of, view, size, NO_PAINT).flatMap((line) => {
    const [begin = ''] = line.split(/[ ~]/)
    return (
      of.ports.find(({ name }) => name === begin || (begin.length > 7 && name.startsWith(begin)))?.name ?? []
    )
  })
}

function press(keys: readonly string[], view: TopView = FIRST_VIEW): TopView {
  return keys.reduce((before, key) => afterKey(key, before, snapshot, AT_80) as TopView, view)
}

describe('screenLines', () => {
  it.each(SIZES)('screenLines fits $columns columns and $rows rows with 40 ports', (size) => {
    for (const paint of [NO_PAINT, PAINT])
      for (const view of [
        FIRST_VIEW,
        { ...FIRST_VIEW, first: 35, notice: 'a notice that is long: '.repeat(9) },
      ]) {
        const lines = screenLines(snapshot, view, size, paint)
        expect(lines.length).toBeLessThanOrEqual(size.rows)
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(size.columns)
      }
  })

  it('screenLines has target and verdict of a port at 60 columns, everything at 200', () => {
    const lineOf = (columns: number, name: string): string =>
      screenLines(snapshot, { order: 'name', first: 0 }, { columns, rows: 60 }, NO_PAINT).find((line) =>
        line.startsWith(name),
      ) as string
    expect(lineOf(60, 'a-name')).toMatch(/ 1310 us .*200 us +MISSED$/)
    expect(lineOf(80, 'g7 ')).toMatch(/8\.64M .*107 us +200 us +met$/)
    expect(lineOf(200, 'g7 ')).toMatch(/vif +up .* 539 .* met +\/run\/ringferry\/guests\/g7\.sock$/)
  })

  it('screenLines has no escape codes without colours, whatever names, places and events say', () => {
    const text = screenLines(snapshot, FIRST_VIEW, { columns: 200, rows: 60 }, NO_PAINT).join('\n')
    expect(text).not.toContain(ESC)
    expect(text).not.toContain('\u202e')
  })

  it('screenLines paints what is wrong, and nothing of a port that is well but its verdict', () => {
    const lines = screenLines(snapshot, { order: 'p99', first: 0 }, { columns: 200, rows: 60 }, PAINT)
    expect(lines.find((line) => line.includes('a-name-of'))).toContain(PAINT.bad('MISSED  '))
    expect(lines.find((line) => line.startsWith('tap0'))).toContain(PAINT.bad('held    '))
    const well = lines.find((line) => line.startsWith('g7 ')) as string
    expect(well.split(ESC)).toHaveLength(3)
    expect(well).toContain(PAINT.good('met     '))
  })

  it('screenLines has totals, the range that is shown and the last events with ISO times', () => {
    const lines = screenLines(snapshot, FIRST_VIEW, { columns: 200, rows: 24 }, NO_PAINT)
    expect(lines[1]).toMatch(
      /^40 ports, 39 up, 1 target MISSED, drops 12\.5\/s, 39 met, in [\d.]+ M f\/s, .*Mb\/s$/,
    )
    expect(lines).toContainEqual(expect.stringMatching(/^1-14 of 40 by rate$/))
    expect(lines.filter((line) => line.startsWith('2026-01-31T12:00:00.000Z g'))).toHaveLength(4)
  })

  it('screenLines names keys only where there are some', () => {
    const { quit: _, ...printed } = snapshot
    const text = (of: TopSnapshot): string => screenLines(of, FIRST_VIEW, AT_80, NO_PAINT).join('\n')
    expect(text(snapshot)).toMatch(/\nq quits, j k PgUp PgDn scroll/)
    expect(text(printed)).not.toContain('scroll')
  })

  it('screenLines says why there is nothing newer', () => {
    const stale = 'the switch does not answer since 2026-01-31T12:00:00.000Z'
    expect(screenLines({ ...snapshot, stale }, FIRST_VIEW, AT_80, NO_PAINT).join('\n')).toContain(stale)
  })

  it.each([
    ['rate', ['tap0', 'a-name-of-th', 'g37']],
    ['name', ['a-name-of-th', 'g0', 'g1', 'g2']],
    ['drops', ['tap0', 'a-name-of-th', 'g0']],
    ['p99', ['a-name-of-th', 'tap0', 'g37']],
  ] as const)('screenLines orders ports by %s', (order: Order, first) => {
    const lines = screenLines(snapshot, { order, first: 0 }, { columns: 200, rows: 40 }, NO_PAINT)
    const begins = lines.slice(4, 4 + first.length)
    for (const [at, name] of first.entries()) expect(begins[at]).toMatch(new RegExp(`^${name}`))
  })
})

describe('afterKey', () => {
  it('afterKey scrolls by lines and pages, within the ports', () => {
    const page = namesOn(FIRST_VIEW).length
    expect(page).toBe(14)
    expect(namesOn(press(['j']))).toEqual([...namesOn(FIRST_VIEW).slice(1), expect.any(String)])
    for (const [back, on] of [
      ['k', 'j'],
      [UP, DOWN],
      [PAGE_UP, PAGE_DOWN],
    ] as const) {
      expect(press([back])).toEqual(FIRST_VIEW)
      expect(press([on, back])).toEqual(FIRST_VIEW)
    }
    expect(press([PAGE_DOWN]).first).toBe(page)
    expect(press(Array(99).fill(DOWN)).first).toBe(40 - page)
    expect(press(['G'])).toEqual(press(Array(9).fill(PAGE_DOWN)))
    expect(press(['G', 'g'])).toEqual(FIRST_VIEW)
  })

  it('afterKey shows every port on one page or another', () => {
    const seen = new Set<string>()
    for (let view = FIRST_VIEW, at = 0; at < 5; at++, view = press([PAGE_DOWN], view))
      for (const name of namesOn(view, { columns: 80, rows: 24 })) seen.add(name)
    expect(seen.size).toBe(40)
  })

  it('afterKey changes the order, from the top, and ends with q', () => {
    expect(press(['j', 'n'])).toEqual({ order: 'name', first: 0 })
    expect(ORDERS.map((_, at) => press(Array(at + 1).fill('s')).order)).toEqual([
      'name',
      'drops',
      'p99',
      'rate',
    ])
    expect(afterKey('q', FIRST_VIEW, snapshot, AT_80)).toBeUndefined()
    expect(press(['x', `${ESC}[Z`])).toEqual(FIRST_VIEW)
  })

  it('afterKey leaves no blank rows when ports go or the screen grows', () => {
    const few = { ...snapshot, ports: [topPort(1), topPort(2)] }
    expect(namesOn(press(['G']), AT_80, few)).toEqual(['g2', 'g1'])
    expect(namesOn(press(['G']), { columns: 200, rows: 60 })).toHaveLength(40)
  })
})
