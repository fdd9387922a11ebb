/**
 * Filters of captures: a bounded part of libpcap's language (pcap-filter(7)), with its meaning.
 *
 *   expression   term { and|or term }            both bind alike, from left to right
 *   term         not term | ( expression ) | primitive
 *   primitive    [protocol] [direction] [type] value, or a protocol alone, or: vlan [ID], dropped, inbound, outbound ...
 *
 * A value without qualifiers takes those before it: "port 80 or 443". Behind "vlan" everything is looked for behind that
 * tag, for the rest of the expression. An expression becomes one function; a frame that is cut before what it asks for
 * does not match.
 */
import { didYouMean } from '../errors/suggestion.js'
import {
  PROTOCOLS,
  protocolTest,
  type Qualifiers,
  type Test,
  TYPES,
  valueTest,
  vlanTest,
} from './filter-tests.js'
import { Words } from './filter-words.js'
import { type Filtered, FrameView } from './frame-view.js'

const MAX_DEPTH = 32
const NOTHING: Qualifiers = { protocol: undefined, direction: undefined, type: undefined }

/** Whether a frame is wanted. */
export type Filter = (frame: Filtered) => boolean

/** Primitives of one word that look at no header. */
const SINGLE: Readonly<Record<string, Test>> = {
  broadcast: (view) => [0, 1, 2, 3, 4, 5].every((at) => view.u8(at) === 0xff),
  multicast: (view) => (view.u8(0) & 1) !== 0,
  inbound: ({ frame }) => frame.direction === 'ingress',
  outbound: ({ frame }) => frame.direction === 'egress',
  dropped: ({ frame }) => frame.drop !== undefined,
}

const KNOWN = [
  ...Object.keys(SINGLE),
  ...PROTOCOLS,
  ...TYPES,
  ...['src', 'dst', 'vlan', 'less', 'greater', 'and', 'or', 'not'],
]

class Parser {
  readonly #words: Words
  #qualifiers: Qualifiers = NOTHING
  /** Tags that what follows lies behind. */
  #tags = 0
  #depth = 0

  constructor(filter: string) {
    this.#words = new Words(filter)
  }

  whole(): Test {
    const test = this.#expression()
    if (this.#words.next !== '') this.#words.refuse('is not expected here; join primitives by "and" or "or"')
    return test
  }

  #expression(): Test {
    let test = this.#term()
    for (;;) {
      const before = test
      if (this.#words.accept('and')) {
        const after = this.#term()
        test = (view) => before(view) && after(view)
      } else if (this.#words.accept('or')) {
        const after = this.#term()
        test = (view) => before(view) || after(view)
      } else return test
    }
  }

  #term(): Test {
    if (++this.#depth > MAX_DEPTH) this.#words.refuse(`is nested deeper than ${MAX_DEPTH} levels`)
    const test = this.#nested()
    this.#depth--
    return test
  }

  #nested(): Test {
    if (this.#words.accept('not')) {
      const test = this.#term()
      return (view) => !test(view)
    }
    if (!this.#words.accept('(')) return this.#primitive()
    const test = this.#expression()
    if (!this.#words.accept(')')) this.#words.refuse('is where a ")" is missing')
    return test
  }

  #primitive(): Test {
    const words = this.#words
    const { next } = words
    if (next === '' || next === ')' || next === 'and' || next === 'or')
      words.refuse('is where a primitive is missing, like "host 10.0.0.1", "port 53" or "arp"')
    if (words.accept('vlan')) return this.#vlan()
    if (next === 'less' || next === 'greater') return this.#length(words.take() === 'less')
    const single = SINGLE[next]
    if (single) {
      words.take()
      return single
    }
    const given = this.#readQualifiers()
    const isQualified = given !== NOTHING
    if (isQualified) this.#qualifiers = given
    const ends = ['', ')', 'and', 'or'].includes(words.next)
    if (given.protocol !== undefined && given.direction === undefined && given.type === undefined && ends)
      return this.#protocol(given.protocol)
    if (isQualified && words.accept('(')) return this.#group()
    if (!isQualified && !/\d|::/.test(next))
      words.refuse(`is no primitive${didYouMean(next, KNOWN)}; docs/capture.md lists them`)
    if (ends) words.refuse('is where a value is missing')
    return this.#value()
  }

  /** "port ( 80 or 443 )": the values take the qualifiers in front. */
  #group(): Test {
    const test = this.#expression()
    if (!this.#words.accept(')')) this.#words.refuse('is where a ")" is missing')
    return test
  }

  #value(): Test {
    const text = this.#words.take()
    const test = valueTest(this.#qualifiers, text, this.#tags)
    return typeof test === 'string' ? this.#words.refuse(test, 1) : test
  }

  #protocol(name: string): Test {
    const test = protocolTest(name, this.#tags)
    return test ?? this.#words.refuse(`is needed behind "${name}": host, proto, src or dst, and a value`)
  }

  #vlan(): Test {
    const at = this.#tags
    this.#tags++
    if (!/^\d/.test(this.#words.next)) return vlanTest(at, undefined)
    const id = Number(this.#words.take())
    if (!Number.isInteger(id) || id > 4095) this.#words.refuse('is no VLAN; give a number up to 4095', 1)
    return vlanTest(at, id)
  }

  #length(isMost: boolean): Test {
    const bytes = Number(this.#words.take())
    if (!Number.isInteger(bytes) || bytes < 0) this.#words.refuse('is no length in bytes', 1)
    return isMost ? ({ frame }) => frame.sizeBytes <= bytes : ({ frame }) => frame.sizeBytes >= bytes
  }

  #readQualifiers(): Qualifiers {
    const words = this.#words
    const protocol = PROTOCOLS.has(words.next) ? words.take() : undefined
    const direction = this.#direction()
    const type = TYPES.has(words.next) ? words.take() : undefined
    if (protocol === undefined && direction === undefined && type === undefined) return NOTHING
    return { protocol, direction, type }
  }

  #direction(): Qualifiers['direction'] {
    const words = this.#words
    const isSide = (word: string): word is 'src' | 'dst' => word === 'src' || word === 'dst'
    const first = words.next
    if (!isSide(first)) return undefined
    words.take()
    if (!isSide(words.second) || (words.next as string) === 'not') return first
    const joined = words.take()
    words.take()
    return joined === 'and' ? 'both' : 'either'
  }
}

/**
 * Makes a function of a filter expression; an empty one wants every frame. Throws USAGE, with the place, when it is wrong.
 */
export function compileFilter(expression: string): Filter {
  if (expression.trim() === '') return () => true
  const test = new Parser(expression).whole()
  const view = new FrameView()
  return (frame) => {
    view.open(frame)
    return test(view) && !view.isShort
  }
}
