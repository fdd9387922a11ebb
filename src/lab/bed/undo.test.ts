import { describe, expect, it } from 'vitest'
import { Undo } from './undo.js'

describe('Undo', () => {
  it('Undo runs tasks once, last first, waiting for each, also after one failed', async () => {
    const done: string[] = []
    const undo = new Undo()
    undo.add(() => done.push('first'))
    undo.add(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      done.push('slow')
    })
    undo.add(() => {
      done.push('bad')
      throw new Error('cannot be undone')
    })
    await Promise.all([undo.run(), undo.run()])
    expect(done).toEqual(['bad', 'slow', 'first'])
  })

  it('Undo undoes at once what is registered after its end', async () => {
    const undo = new Undo()
    await undo.run()
    let undone = false
    undo.add(() => {
      undone = true
    })
    await undo.run()
    await Promise.resolve()
    expect(undone).toBe(true)
  })
})
