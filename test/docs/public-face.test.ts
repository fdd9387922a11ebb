import { describe, expect, it } from 'vitest'
import { PublicFace } from '../support/declarations.js'

describe('the public face of the package', () => {
  const face = new PublicFace()

  it('has a name for every type that something public takes, returns or holds', () => {
    expect(face.declarations.map(({ name }) => name)).toContain('startSwitch')
    expect(face.unnamed()).toEqual([])
  })

  it('says of everything public what it is', () => {
    expect(face.declarations.flatMap(({ id, isDocumented }) => (isDocumented ? [] : id))).toEqual([])
  })
})

describe('PublicFace', () => {
  const files: Record<string, string> = {
    'index.d.ts': "export { A, type B as C } from './a.js';\nexport type { Known } from './deep/b.js';\n",
    'a.d.ts': [
      "import { type Far, type Known as Alias } from './deep/b.js';",
      'interface Near {',
      '    readonly size: number;',
      '}',
      '/** Speaks of a Far in words. */',
      'export declare class A {',
      '    #private;',
      '    private constructor();',
      '    private hide(far: Near): void;',
      '    /** Takes a Near. */',
      "    take(alias: Alias, what: 'Near'): Promise<Far>;",
      '}',
      "export type B = Near | (typeof LIST)[number] | 'Far';",
      '',
    ].join('\n'),
    'deep/b.d.ts': "export * from './c.js';\n",
    'deep/c.d.ts': 'export interface Far {\n    a: 1;\n}\n/** Known. */\nexport interface Known {\n}\n',
  }
  const face = new PublicFace((file) => files[file] ?? '')

  it('finds types of the same and of other files when they have no public name', () => {
    expect(face.unnamed()).toEqual(['Far (deep/c.d.ts), from A', 'Near (a.d.ts), from B'])
  })

  it('tells what has a doc comment when others have none', () => {
    const documented = face.declarations.filter(({ isDocumented }) => isDocumented)
    expect(documented.map(({ name }) => name)).toEqual(['A', 'Known'])
  })

  it('throws when the entry names what is not declared', () => {
    const read = (file: string): string => (file === 'index.d.ts' ? "export { A } from './a.js';\n" : '')
    expect(() => new PublicFace(read)).toThrow('A is declared neither in a.d.ts nor behind it')
  })
})
