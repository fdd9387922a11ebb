import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeForPrintf, LineSplitter, parseAgentLine, runRequest } from './agent-line.js'

describe('parseAgentLine', () => {
  it('parseAgentLine reads text when it is empty, has blanks or looks like protocol', () => {
    const text = (value: string) => parseAgentLine(`@rf@ 7 o ${value}`)
    for (const value of ['', ' two  blanks ', '@rf@ 8 x 0'])
      expect(text(value)).toEqual({ verb: 'text', id: 7, stream: 'stdout', more: false, text: value })
  })

  it('parseAgentLine tells streams and pieces apart', () => {
    expect(parseAgentLine('@rf@ 1 E abc')).toEqual({
      verb: 'text',
      id: 1,
      stream: 'stderr',
      more: true,
      text: 'abc',
    })
    expect(parseAgentLine('@rf@ 12 x 137')).toEqual({ verb: 'exit', id: 12, code: 137 })
    expect(parseAgentLine('@rf@ 0 ready')).toEqual({ verb: 'ready' })
  })

  it('parseAgentLine returns undefined when a line is not of the agent', () => {
    const others = ['', 'login:', ' @rf@ 1 x 0', '@rf@ 1 x', '@rf@ 1 x -1', '@rf@ a o b', '@rf@ 1 oops']
    for (const line of others) expect(parseAgentLine(line)).toBeUndefined()
  })
})

describe('runRequest', () => {
  it('runRequest is one line when the command has several', () => {
    expect(runRequest(3, 'a\n\tb\\')).toBe('3 r a\\0012\\0011b\\\\\n')
  })

  it('escapeForPrintf is undone by printf %b for any text', () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'))
    const back = (value: string) =>
      execFileSync('sh', ['-c', 'printf "%b" "$1"', 'sh', escapeForPrintf(value)]).toString()
    fc.assert(
      fc.property(text, (value) => back(value) === Buffer.from(value).toString()),
      { numRuns: 50 },
    )
  })
})

describe('LineSplitter', () => {
  it('LineSplitter.push gives the same lines when the bytes are cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 0 })), fc.integer({ min: 1, max: 7 }), (parts, step) => {
        const bytes = Buffer.from(parts.map((part) => part.replaceAll('\n', ' ')).join('\n'))
        const splitter = new LineSplitter()
        const lines: string[] = []
        for (let at = 0; at < bytes.length; at += step)
          lines.push(...splitter.push(bytes.subarray(at, at + step)))
        lines.push(splitter.rest)
        expect(lines.join('\n')).toBe(bytes.toString('latin1'))
      }),
    )
  })

  it('LineSplitter.push gives a line out in parts when it is above the limit', () => {
    const splitter = new LineSplitter(4)
    expect(splitter.push(Buffer.from('abcdef'))).toEqual(['abcdef'])
    expect(splitter.push(Buffer.from('g\n'))).toEqual(['g'])
  })
})
