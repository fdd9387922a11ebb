// What cannot be laid at a port's door ends the switch in order.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import { RingferryError } from '../../src/errors/errors.js'
import { EPOLLIN } from '../../src/sys/epoll.js'
import { createEventfd, signalEventfd } from '../../src/sys/eventfd.js'
import { cli } from '../host/cli-process.js'

describe('an end of the switch', () => {
  it('leaves no socket when something fails that belongs to no port', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
    const engine = new Engine({ memoryBytes: 64 * 2 ** 20 })
    const sockets = ['a', 'b'].map((name) => join(folder, name))
    for (const [index, socket] of sockets.entries())
      engine.addPort({ kind: 'vif', name: `p${index}`, socket })
    const fd = createEventfd()
    engine.watch(fd, EPOLLIN, () => {
      throw new RingferryError('SYSCALL', 'reading requests: EIO')
    })
    signalEventfd(fd)
    expect(() => engine.step()).toThrow('reading requests: EIO')
    expect(sockets.map((socket) => existsSync(socket))).toEqual([true, true])
    // Not even a port that cannot be closed keeps the others.
    const [first] = engine.ports
    Object.assign(first as object, {
      close: () => {
        throw new Error('this port stays')
      },
    })
    expect(() => engine.close()).toThrow('this port stays')
    expect(existsSync(sockets[1] as string)).toBe(false)
    rmSync(folder, { recursive: true })
  })

  it('is one line and an exit code when a port cannot be opened, and what was opened is closed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringferry-test-'))
    const [good, bad] = [join(folder, 'good'), join(folder, 'bad')]
    mkdirSync(bad)
    const { code, stderr } = await cli(['up', '--vif', `a=${good}`, '--vif', `b=${bad}`])
    expect(code).toBe(5)
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(`${bad}: exists and is no socket`)])
    expect(existsSync(good)).toBe(false)
    rmSync(folder, { recursive: true })
  })
})
