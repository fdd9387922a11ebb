import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const { runSteps, steps } = await import(new URL('../../tools/ok.mjs', import.meta.url).href)

let lines: string[] = []

beforeEach(() => {
  lines = []
  vi.spyOn(console, 'log').mockImplementation((line) => {
    lines.push(String(line).replace(/ +\d+\.\d s$/, ''))
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** @returns the names of the steps that failed */
const failed = async (wanted: object[]): Promise<string[]> =>
  (await runSteps(wanted)).map(({ where }: { where: string }) => where)

/** A step that runs a piece of JavaScript. */
const step = (name: string, script: string, ...needs: string[]) => ({
  name,
  command: [process.execPath, '-e', script],
  needs,
})

test('runSteps prints a line per step and the output of those that fail', async () => {
  const wanted = [step('a', 'console.log("quiet")'), step('b', 'console.error("loud"); process.exit(4)', 'a')]
  expect(await failed(wanted)).toEqual(['b'])
  expect(lines).toEqual(['ok    a', 'FAIL  b', 'loud'])
})

test('runSteps returns the end of the output of a step when it failed', async () => {
  const [failure] = await runSteps([
    step('a', 'for (let at = 0; at < 100; at++) console.log(at); process.exit(1)'),
  ])
  expect(failure).toMatchObject({ where: 'a', text: expect.stringMatching(/^85\n86\n[\s\S]*\n99$/) })
})

test('runSteps does not run what needs a failed step, nor what needs that', async () => {
  const wanted = [step('a', 'process.exit(1)'), step('b', '', 'a'), step('c', '', 'b'), step('d', '')]
  expect((await failed(wanted)).sort()).toEqual(['a', 'b', 'c'])
  expect(lines).toContain('not run: a failed')
  expect(lines).toContain('not run: b failed')
  expect(lines).toContain('ok    d')
})

test('runSteps reports a step whose command cannot be started', async () => {
  expect(await failed([{ name: 'a', command: ['/nonexistent/tool'], needs: [] }])).toEqual(['a'])
  expect(lines[1]).toMatch(/^\/nonexistent\/tool: .*ENOENT/)
})

test('steps list each step after those it needs', () => {
  const names: string[] = steps.map((listed: { name: string }) => listed.name)
  steps.forEach(({ needs }: { needs: string[] }, at: number) => {
    for (const need of needs) expect(names.slice(0, at)).toContain(need)
  })
  expect(names).toContain('unit')
})
