/** The lab, a guest, or a peer's switch is killed in the middle of a study: nothing is left, and the study can be completed. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EVENT_LIMIT_MS } from '../support/step-until.js'
import { Cli } from './cli-process.js'

const studyFile = (name: string): string => fileURLToPath(new URL(`studies/${name}.yaml`, import.meta.url))

interface Running {
  readonly pid: number
  readonly parent: number
  /** Tells a process from a later one with its number. */
  readonly started: string
  readonly command: string
}

function processes(): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        if (fields[0] === 'Z') return []
        return [{ pid: Number(name), parent: Number(fields[1]), started: fields[19] as string, command }]
      } catch {
        // It ended meanwhile.
        return []
      }
    })
}

/** A process and all below it. */
function family(pid: number): Running[] {
  const all = processes()
  const found = new Set([pid])
  for (let grown = true; grown; ) {
    grown = false
    for (const one of all) {
      if (!found.has(one.parent) || found.has(one.pid)) continue
      found.add(one.pid)
      grown = true
    }
  }
  return all.filter((one) => found.has(one.pid))
}

const alive = ({ pid, started }: Running): boolean =>
  processes().some((one) => one.pid === pid && one.started === started)

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + EVENT_LIMIT_MS; !holds(); await delay(20))
    if (Date.now() > endMs) throw new Error(`never: ${what}`)
}

describe('ringferry lab run --resume', () => {
  let folder: string
  let temporary: string
  let run: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-resume-'))
    temporary = join(folder, 'tmp')
    run = join(folder, 'run')
    mkdirSync(temporary)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** The lab with a temporary folder of its own, so that what it leaves can be told from what others have. */
  const lab = (...args: readonly string[]): Cli =>
    new Cli(['lab', 'run', ...args], ['env', `TMPDIR=${temporary}`])
  const text = (): string =>
    existsSync(join(run, 'run.jsonl')) ? readFileSync(join(run, 'run.jsonl'), 'utf8') : ''
  const lines = () =>
    text()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { type: string; cell: string; round: number; switch?: unknown })
  const measured = (): string[] =>
    lines()
      .filter(({ type }) => type === 'measurement')
      .map(({ cell, round }) => `${round} ${cell}`)

  /** No process, file or network device of a lab that has ended is left. */
  async function nothingLeft(members: readonly Running[]): Promise<void> {
    await until('all its processes ended', () => !members.some(alive))
    await until('its temporary folder is empty', () => readdirSync(temporary).length === 0)
    const devices = new Set(text().match(/\brf[0-9a-z]+t\d+\b/g))
    await until('its network devices are gone', () =>
      readdirSync('/sys/class/net').every((name) => !devices.has(name)),
    )
  }

  it('--resume completes a study whose lab was killed twice, and keeps what was measured byte for byte', async () => {
    const study = studyFile('tiny-netns')
    let before = ''
    for (const args of [
      [study, '--out', run],
      [study, '--resume', run],
    ]) {
      const killed = lab(...args)
      const had = measured().length
      await killed.printed('a is up')
      // Before, between or in the midst of measurements, and after both kills some are still missing.
      const more = Math.floor(Math.random() * 3)
      const waitMs = Math.round(Math.random() * 1000)
      await until(`${more} more are measured`, () => measured().length >= had + more)
      await delay(waitMs)
      let members: readonly Running[] = []
      // Between two beds there are none.
      await until('guests run', () => {
        members = family(killed.child.pid as number)
        return members.length > 2
      })
      killed.kill('SIGKILL')
      await killed.ended
      await nothingLeft(members)
      expect(text().startsWith(before), `after a kill at ${more} measurements and ${waitMs} ms`).toBe(true)
      expect(measured().length).toBeGreaterThanOrEqual(had)
      before = text().slice(0, text().lastIndexOf('\n') + 1)
    }
    const last = lab(study, '--resume', run)
    const { code, stdout, stderr } = await last.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/goes on; \d+ measurements are there, \d+ missing/)
    expect(text().startsWith(before)).toBe(true)
    expect(measured()).toHaveLength(8)
    expect(new Set(measured()).size).toBe(8)
    expect(lines().at(-1)?.type).toBe('finished')
    await nothingLeft([])
  })

  it.each([
    { what: 'one of its guests', name: 'tiny-uml', program: /linux\.uml/ },
    { what: 'its switch', name: 'tiny-vde', program: /^vde_switch|\/vde_switch/ },
  ])('a study goes on when $what is killed, with nothing missing at the end', async ({ name, program }) => {
    const study = lab(studyFile(name), '--out', run)
    await study.printed('a is up')
    await study.printed('b is up')
    await delay(Math.random() * 1500)
    // Itself, not a helper that it has made: numbers of processes begin anew now and then.
    const ofProgram = family(study.child.pid as number).filter(({ command }) => program.test(command))
    const victim = ofProgram.find(({ parent }) => !ofProgram.some(({ pid }) => pid === parent))
    expect(victim, 'it runs').toBeDefined()
    process.kill((victim as Running).pid, 'SIGKILL')
    const { code, stdout } = await study.ended
    expect(stdout).toMatch(/it is tried again at the end of the round/)
    expect(code).toBe(0)
    expect(measured().sort()).toEqual(['0 direction=from_vm', '0 direction=to_vm'])
    await nothingLeft([])
  })

  it('a study that is interrupted leaves nothing and says how to go on', async () => {
    const study = lab(studyFile('tiny-netns'), '--out', run)
    await study.printed('round 1')
    const members = family(study.child.pid as number)
    study.kill('SIGINT')
    const { code, stderr } = await study.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(
      /^ringferry: interrupted; everything was cleaned up; go on with: ringferry lab run .* --resume .*run\n$/,
    )
    await nothingLeft(members)
    expect(lines().at(-1)?.type).toBe('interrupted')
    const before = text()
    const { code: then } = await lab(studyFile('tiny-netns'), '--resume', run).ended
    expect(then).toBe(0)
    expect(text().startsWith(before)).toBe(true)
    expect(measured()).toHaveLength(8)
  })
})
