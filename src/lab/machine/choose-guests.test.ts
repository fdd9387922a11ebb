import { describe, expect, it } from 'vitest'
import { RingferryError } from '../../errors/errors.js'
import type { StudyKind } from '../guest/spec.js'
import { type ChoiceTools, chooseKind } from './choose-guests.js'

const refusal = new RingferryError('UNSUPPORTED', 'no network; install user-mode-linux')

async function choose(wanted: StudyKind | undefined, machine: Partial<ChoiceTools>) {
  const lines: string[] = []
  let fetched = false
  const tools: ChoiceTools = {
    has: () => fetched,
    best: async () => (fetched ? 'uml' : undefined),
    fetch: async () => {
      fetched = true
    },
    ...machine,
  }
  const kind = await chooseKind(wanted, tools, (line) => lines.push(line))
  return { kind, lines, fetched }
}

describe('chooseKind', () => {
  it('chooseKind takes what is there without fetching', async () => {
    const found = await choose(undefined, { has: () => true, best: async () => 'uml' })
    expect(found).toEqual({ kind: 'uml', lines: [], fetched: false })
  })

  it('chooseKind fetches and says so when User-Mode Linux is missing', async () => {
    const { kind, lines, fetched } = await choose(undefined, {})
    expect({ kind, fetched }).toEqual({ kind: 'uml', fetched: true })
    expect(lines).toEqual([
      "linux.uml and iperf3 not found; fetching from Debian's archive (ringferry guest fetch)",
    ])
  })

  it('chooseKind uses embedded guests and says why when fetching fails', async () => {
    const { kind, lines } = await choose(undefined, { fetch: () => Promise.reject(refusal) })
    expect(kind).toBe('embedded')
    expect(lines[1]).toBe('no User-Mode Linux: no network; install user-mode-linux; using embedded guests')
  })

  it('chooseKind rejects when uml was asked for and cannot be had', async () => {
    await expect(choose('uml', { fetch: () => Promise.reject(refusal) })).rejects.toBe(refusal)
  })

  it('chooseKind rejects when fetching is interrupted', async () => {
    const interrupted = new RingferryError('INTERRUPTED', 'interrupted')
    await expect(choose(undefined, { fetch: () => Promise.reject(interrupted) })).rejects.toBe(interrupted)
  })

  it('chooseKind does not fetch when other guests were asked for', async () => {
    expect(await choose('embedded', {})).toMatchObject({ kind: 'embedded', fetched: false })
    expect(await choose('netns', {})).toMatchObject({ kind: 'netns', fetched: false })
  })
})
