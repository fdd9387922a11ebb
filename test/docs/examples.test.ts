import { readdirSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { main } from '../../examples/library.js'
import { loadConfig } from '../../src/config/config.js'
import { loadModel } from '../../src/experiment/model-file.js'
import { sweepPoints } from '../../src/experiment/sweep-points.js'
import { expandStudy } from '../../src/lab/study/expand.js'
import { loadStudy } from '../../src/lab/study/load.js'
import { WORKLOADS } from '../../src/lab/workload/registry.js'

const folder = new URL('../../examples/', import.meta.url).pathname

it('examples/library.ts ferries ten frames in order, counted once each', async () => {
  const said = vi.spyOn(console, 'log').mockImplementation(() => {})
  const { arrived, counters } = await main()
  expect(arrived).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(counters).toMatchObject({ counts: { ingress_frames: 10 }, drops: {} })
  expect(said.mock.calls.flat()).toContain('g2: link-up')
})

it('every example file is one of the kinds that are tested here', async () => {
  for (const file of readdirSync(folder)) {
    if (file === 'library.ts') continue
    if (file === 'holds.yaml') {
      const workloads = new Map(WORKLOADS.map((workload) => [workload.name, workload]))
      expect(expandStudy(loadStudy(folder + file), { workloads, guests: 'embedded' }).cells.length).toBe(3)
    } else if (file === 'sweep.yaml') {
      const { data, file: model } = await loadModel(folder + file)
      expect(sweepPoints(data, model.sweep!, 1)).toHaveLength(9)
    } else if (file === 'model.yaml') {
      expect((await loadModel(folder + file)).model.vms.length).toBe(12)
    } else expect(loadConfig(folder + file).ports.length).toBeGreaterThan(1)
  }
})
