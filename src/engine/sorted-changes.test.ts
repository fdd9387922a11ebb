import { describe, expect, it } from 'vitest'
import type { PortConfig } from '../port/config.js'
import { sortChanges } from './sorted-changes.js'

const vif = (name: string, socket = name): PortConfig => ({ kind: 'vif', name, socket })
const add = (config: PortConfig) => ({ change: 'add', config }) as const
const remove = (name: string) => ({ change: 'remove', name }) as const
const set = (config: PortConfig) => ({ change: 'set', config }) as const

const names = (configs: readonly PortConfig[]): string => configs.map(({ name }) => name).join(' ')

function sorted(changes: Parameters<typeof sortChanges>[0], present: readonly PortConfig[], max = 128) {
  const { sets, free, blocking, bound, others } = sortChanges(changes, present, max)
  return {
    sets: names(sets),
    free: names(free),
    blocking: names(blocking),
    bound: names(bound),
    others: names(others),
  }
}

describe('sortChanges', () => {
  it('sortChanges lets additions go before removals when they need nothing of them', () => {
    expect(sorted([remove('a'), add(vif('c')), set(vif('b'))], [vif('a'), vif('b')])).toEqual({
      sets: 'b',
      free: 'c',
      blocking: '',
      bound: '',
      others: 'a',
    })
  })

  it('sortChanges removes first who has the name or the socket of a new port, and nobody else', () => {
    const present = [vif('a'), vif('b'), vif('c')]
    const changes = [remove('a'), remove('b'), remove('c'), add(vif('a', 'new')), add(vif('d', 'b'))]
    expect(sorted(changes, present)).toEqual({
      sets: '',
      free: '',
      blocking: 'a b',
      bound: 'a d',
      others: 'c',
    })
  })

  it('sortChanges removes first who makes room when all rows are taken', () => {
    expect(sorted([add(vif('c')), remove('a')], [vif('a'), vif('b')], 2)).toMatchObject({
      free: '',
      blocking: 'a',
      bound: 'c',
    })
  })

  it.each([
    ['port x: there is no such port', [remove('x')]],
    ['port x: there is no such port', [set(vif('x'))]],
    ['port a: it is changed twice in one list', [remove('a'), set(vif('a'))]],
    ['port a: it is changed twice in one list', [remove('a'), remove('a'), add(vif('a'))]],
    ['port a: the name is taken; choose another', [add(vif('a', 'new'))]],
    ['port c: its socket is taken by port a; choose another', [add(vif('c', 'a'))]],
    ['port c: the name is taken; choose another', [add(vif('c')), add(vif('c', 'd'))]],
    ['4 ports: a switch has at most 3 ports', [add(vif('c')), add(vif('d'))]],
  ])('sortChanges refuses the list with "%s"', (message, changes) => {
    expect(() => sortChanges(changes, [vif('a'), vif('b')], 3)).toThrow(message)
  })
})
