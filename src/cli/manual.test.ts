import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { allNodes, commandTree } from './command-tree.js'
import { manualPages, roff } from './manual.js'
import { makeProgram } from './program.js'

const tree = commandTree(await makeProgram())
const pages = manualPages(tree, '1.2.3')
const hasGroff = spawnSync('groff', ['--version']).error === undefined
if (!hasGroff) console.log('groff is not installed: the manual is not rendered')

/** A page as a terminal without bold shows it. */
function render(text: string): { readonly text: string; readonly warnings: string } {
  const words = ['-man', '-ww', '-K', 'utf8', '-T', 'utf8', '-P-c', '-P-b', '-P-u', '-rLL=200n']
  const { stdout, stderr } = spawnSync('groff', words, { input: text, encoding: 'utf8' })
  return { text: stdout, warnings: stderr }
}

describe('manualPages', () => {
  it('makes a page for the program and for each command', () => {
    expect([...pages.keys()]).toEqual([
      'ringferry.1',
      ...tree.commands.map(({ path }) => `${path.replace(' ', '-')}.1`),
    ])
  })

  it.runIf(hasGroff).each([...pages])(
    '%s renders without a warning, with all commands and options',
    (name, page) => {
      const { text, warnings } = render(page)
      expect(warnings).toBe('')
      const nodes = allNodes(tree).filter(({ path }) => {
        const words = path.split(' ')
        return words.length > 1 && `${words.slice(0, 2).join('-')}.1` === name
      })
      for (const { path, options } of nodes) {
        expect(text).toContain(path)
        for (const { flags } of options) expect(text).toContain(flags)
      }
      if (name === 'ringferry.1')
        for (const { path } of tree.commands) expect(text).toContain(path.split(' ')[1])
    },
  )
})

describe('roff', () => {
  it.runIf(hasGroff)('keeps a text as it is, whatever is in it', () => {
    for (const text of ['.sp 3', "'br", 'a\\fBb', '--json', 'x\n.de y', '\\', '"quoted" %d'])
      expect(render(`.TH X 1\n.nf\n${roff(text)}\n.fi\n`).text).toContain(text.split('\n').at(-1))
  })
})
