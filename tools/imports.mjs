// Reads what a TypeScript or AssemblyScript file refers to, from its tokens: comments and strings never count.
// TypeScript 7 offers its parser only as a separate process per project; its scanner is plain JavaScript.
import { SyntaxKind } from 'typescript/unstable/ast'
import { createScanner } from 'typescript/unstable/ast/scanner'

/** Tokens after which a slash divides; after any other token it opens a regular expression. */
const ENDS_EXPRESSION = new Set([
  SyntaxKind.Identifier,
  SyntaxKind.PrivateIdentifier,
  SyntaxKind.NumericLiteral,
  SyntaxKind.BigIntLiteral,
  SyntaxKind.StringLiteral,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateTail,
  SyntaxKind.CloseParenToken,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.CloseBraceToken,
  SyntaxKind.PlusPlusToken,
  SyntaxKind.MinusMinusToken,
  SyntaxKind.ThisKeyword,
  SyntaxKind.SuperKeyword,
  SyntaxKind.NullKeyword,
  SyntaxKind.TrueKeyword,
  SyntaxKind.FalseKeyword,
])

/** @typedef {'static' | 'types' | 'dynamic' | 'url' | 'built'} ImportKind */
/** @typedef {{ path: string | undefined, line: number, kind: ImportKind }} Import */
/** @typedef {{ kind: number, text: string, value: string, line: number }} Token */

/**
 * The tokens of a source file, lines counted from 1.
 * @param {string} source
 * @returns {Token[]}
 */
export function tokenize(source) {
  const scanner = createScanner(true, undefined, source)
  /** @type {Token[]} */
  const tokens = []
  /** @type {number[]} */
  const braces = []
  let line = 1
  let counted = 0
  for (;;) {
    let kind = scanner.scan()
    const previous = tokens.at(-1)
    if (kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) {
      if (!previous || !ENDS_EXPRESSION.has(previous.kind)) kind = scanner.reScanSlashToken()
    } else if (kind === SyntaxKind.OpenBraceToken || kind === SyntaxKind.TemplateHead) {
      braces.push(kind)
    } else if (kind === SyntaxKind.CloseBraceToken) {
      if (braces.at(-1) === SyntaxKind.TemplateHead) {
        kind = scanner.reScanTemplateToken(false)
        if (kind === SyntaxKind.TemplateTail) braces.pop()
      } else braces.pop()
    }
    if (kind === SyntaxKind.EndOfFile) return tokens
    for (const start = scanner.getTokenStart(); counted < start; counted++) {
      if (source.charCodeAt(counted) === 10) line++
    }
    tokens.push({ kind, text: scanner.getTokenText(), value: scanner.getTokenValue(), line })
  }
}

/** @param {Token | undefined} token */
const isPath = (token) =>
  token?.kind === SyntaxKind.StringLiteral || token?.kind === SyntaxKind.NoSubstitutionTemplateLiteral

/**
 * Whether the tokens from `at` on read as `words`.
 * @param {Token[]} tokens
 * @param {number} at
 * @param {string[]} words
 */
export function reads(tokens, at, words) {
  return words.every((word, index) => tokens[at + index]?.text === word)
}

/**
 * The path of the import statement whose clause starts at `at`: the first string after a `from`.
 * @param {Token[]} tokens
 * @param {number} at
 */
function pathAfterClause(tokens, at) {
  for (const [index, { text }] of tokens.slice(at).entries()) {
    const after = tokens[at + index + 1]
    if (text === 'from' && isPath(after)) return after
    if (text === '=' || text === ';') return undefined
  }
  return undefined
}

/**
 * Every module a file refers to.
 * `static`: import and export statements; `types`: the same with `type`, erased by the compiler; `dynamic`:
 * `import('...')`, path undefined when it is computed; `url`: `new URL('./x', import.meta.url)`; `built`:
 * `builtFile('x')`, a path inside dist/.
 * @param {Token[]} tokens
 * @returns {Import[]}
 */
export function findImports(tokens) {
  /** @type {Import[]} */
  const found = []
  tokens.forEach((token, at) => {
    const { kind, line } = token
    if (tokens[at - 1]?.text === '.') return
    const next = tokens[at + 1]
    if (kind === SyntaxKind.ImportKeyword && next?.text === '(') {
      const literal = isPath(tokens[at + 2]) && [')', ','].includes(tokens[at + 3]?.text ?? '')
      found.push({ path: literal ? tokens[at + 2]?.value : undefined, line, kind: 'dynamic' })
    } else if (kind === SyntaxKind.ImportKeyword && isPath(next)) {
      found.push({ path: next?.value, line, kind: 'static' })
    } else if (kind === SyntaxKind.ImportKeyword && next?.text !== '.' && next?.text !== ':') {
      const path = pathAfterClause(tokens, at + 1)
      if (path)
        found.push({ path: path.value, line, kind: isTypeClause(tokens, at + 1) ? 'types' : 'static' })
    } else if (kind === SyntaxKind.ExportKeyword && ['{', '*', 'type'].includes(next?.text ?? '')) {
      const clause = next?.text === 'type' ? at + 2 : at + 1
      if (tokens[clause]?.text !== '{' && tokens[clause]?.text !== '*') return
      const path = pathAfterExport(tokens, clause)
      if (path) found.push({ path: path.value, line, kind: next?.text === 'type' ? 'types' : 'static' })
    } else if (reads(tokens, at, ['new', 'URL', '(']) && isPath(tokens[at + 3])) {
      if (!reads(tokens, at + 4, [',', 'import', '.', 'meta', '.', 'url'])) return
      found.push({ path: tokens[at + 3]?.value, line, kind: 'url' })
    } else if (reads(tokens, at, ['builtFile', '(']) && isPath(tokens[at + 2])) {
      found.push({ path: tokens[at + 2]?.value, line, kind: 'built' })
    }
  })
  return found
}

/**
 * `import type X`, `import type { X }`, `import type * as X`; not a default import that is called `type`.
 * @param {Token[]} tokens
 * @param {number} at
 */
function isTypeClause(tokens, at) {
  if (tokens[at]?.text !== 'type') return false
  const after = tokens[at + 1]?.text
  return after !== ',' && !(after === 'from' && isPath(tokens[at + 2]))
}

/**
 * The path of `export { ... } from 'path'` or `export * from 'path'`; undefined for a local export list.
 * @param {Token[]} tokens
 * @param {number} at
 */
function pathAfterExport(tokens, at) {
  let next = at + 1
  if (tokens[at]?.text === '{') {
    while (next < tokens.length && tokens[next]?.text !== '}') next++
    next++
  } else if (tokens[next]?.text === 'as') next += 2
  return tokens[next]?.text === 'from' && isPath(tokens[next + 1]) ? tokens[next + 1] : undefined
}
