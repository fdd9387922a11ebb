import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Cli, cli } from './cli-process.js'

const schemaFile = new URL('../../docs/schema/demo.schema.json', import.meta.url)

describe('ringferry demo', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringferry-cli-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function readResult(file: string) {
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(schemaFile, 'utf8')))
    const data = schema.parse(JSON.parse(readFileSync(file, 'utf8'))) as {
      machine: object
      runs: { guestKind: string; mode: string; direction: string; mbps: number; frames: number }[]
    }
    return data
  }

  it('ringferry demo measures embedded guests and writes what its schema says', async () => {
    const file = join(folder, 'embedded.json')
    const { code, stdout, stderr } = await cli(['demo', '--guests', 'embedded', '--json', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/guests +mode +direction +Mb\/s/)
    const { machine, runs } = readResult(file)
    expect(Object.keys(machine)).not.toHaveLength(0)
    expect(runs.map(({ mode, direction }) => `${mode} ${direction}`)).toEqual([
      'natural to_vm',
      'natural from_vm',
      'per-packet to_vm',
      'per-packet from_vm',
    ])
    for (const run of runs) {
      expect(run.guestKind).toBe('embedded')
      expect(run.mbps).toBeGreaterThan(0)
      expect(run.frames).toBeGreaterThan(0)
    }
  })

  it('ringferry demo measures two guest kernels', async () => {
    const file = join(folder, 'uml.json')
    const { code, stderr } = await cli(['demo', '--guests', 'uml', '--json', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const run of readResult(file).runs) {
      expect(run.guestKind).toBe('uml')
      expect(run.mbps).toBeGreaterThan(10)
    }
  })

  it('ringferry demo stops its guests and ends with 130 when SIGINT comes', async () => {
    const demo = new Cli(['demo', '--guests', 'uml'])
    await demo.printed('booting two uml guests')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    demo.kill('SIGINT')
    const { code, stderr } = await demo.ended
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'ringferry: interrupted; everything was cleaned up\n',
    })
    const left = readFileSync('/proc/mounts', 'utf8').includes('ringferry-')
    expect(left).toBe(false)
  })

  it('ringferry demo refuses before it measures when its result cannot be written', async () => {
    const { code, stderr } = await cli(['demo', '--guests', 'embedded', '--json', '/nonexistent/a.json'])
    expect(stderr).toBe('ringferry: /nonexistent/a.json: its folder does not exist; choose another\n')
    expect(code).toBe(4)
  })
})
