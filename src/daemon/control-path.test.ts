import { describe, expect, it } from 'vitest'
import { foundControlPath } from './control-path.js'

describe('foundControlPath', () => {
  const service = '/run/ringferry/ringferry.sock'
  const login = { XDG_RUNTIME_DIR: '/run/user/7' }
  const own = '/run/user/7/ringferry/ringferry.sock'

  it.each([
    ["the user's own switch", [own, service], own],
    ["the host's service, when the user runs none", [service], service],
    ['where the own would be, when there is none at all', [], own],
  ])('foundControlPath is %s', (_, there, path) => {
    expect(foundControlPath(login, 7, (each) => there.includes(each))).toBe(path)
  })

  it('foundControlPath is what was named, there or not', () => {
    expect(foundControlPath({ ...login, RINGFERRY_CONTROL: '/a' }, 7, (each) => each === service)).toBe('/a')
  })
})
