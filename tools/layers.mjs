#!/usr/bin/env node
// The layer checker: imports only go down, never sideways or in a circle. `node tools/layers.mjs [ROOT]`
// prints `file:line: message` for every breach and exits 1, or one line and exits 0.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findImports, reads, tokenize } from './imports.mjs'

/** The rules. A folder of src/ imports itself and every level below its own; folders of one level are strangers. */
const RULES = {
  /** From low to high. */
  levels: [
    ['errors'],
    ['sys'],
    ['memory', 'aggregation', 'stats', 'plot'],
    ['vhost-user', 'xen'],
    ['frontend'],
    ['port'],
    ['engine', 'sim'],
    ['lab'],
    ['daemon'],
    ['cli'],
    ['dashboard'],
  ],
  /** Folders that see less than all below them: the folders they see, besides their own. */
  only: { aggregation: ['errors'], stats: ['errors'], plot: ['errors'], dashboard: [] },
  /** Folders that a folder must not see although they are below it. */
  never: { sim: ['sys'] },
  /** Modules whose types, and nothing else, a folder sees in addition. */
  types: { dashboard: /^daemon\/api(\/|\.ts$)/ },
  /** Modules from outside that a folder must not import. */
  outside: { aggregation: /./, stats: /./, plot: /./, sim: /^node:/, dashboard: /^node:/ },
  /** Packages that one folder keeps to itself. */
  owned: { koffi: 'sys' },
  /** Folders in which time and chance are arguments, and what they must not use. */
  pure: ['memory', 'aggregation', 'stats', 'plot', 'vhost-user', 'frontend', 'xen', 'port', 'sim'],
  ambient: [
    ['Date', '.', 'now'],
    ['performance', '.', 'now'],
    ['Math', '.', 'random'],
    ['setTimeout'],
    ['setInterval'],
    ['setImmediate'],
  ],
  /** The public face of the package: it may import anything, and nothing imports it. */
  entry: 'index.ts',
}

const isTest = (file) => /\.test\.ts$/.test(file)
const folderOf = (file) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '')
const levelOf = (folder) => RULES.levels.findIndex((level) => level.includes(folder))

/** All TypeScript files below `root/top`, as paths relative to it, sorted. */
function listFiles(root, top) {
  if (!existsSync(join(root, top))) return []
  return readdirSync(join(root, top), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .sort()
}

/** Why a file of src/ must not import the module `target` (path inside src/), or undefined when it may. */
function whyNot(file, target, kind) {
  if (isTest(target)) return `imports the test ${target}`
  if (isTest(file) || file === RULES.entry) return undefined
  if (target === RULES.entry) return `imports src/${RULES.entry}, which is for users of the package`
  const from = folderOf(file)
  const to = folderOf(target)
  if (from === to) return undefined
  if (levelOf(to) < 0) return `imports ${target}, whose folder has no level in tools/layers.mjs`
  if (kind === 'types' && RULES.types[from]?.test(target)) return undefined
  if (RULES.types[from]?.test(target)) return `imports ${target} as code; ${from} sees only its types`
  if (levelOf(to) > levelOf(from)) return `upward import: ${from} must not see ${to}`
  if (levelOf(to) === levelOf(from)) return `sideways import: ${from} and ${to} are on one level`
  if (RULES.only[from] && !RULES.only[from].includes(to)) return `${from} must not import ${to}`
  if (RULES.never[from]?.includes(to)) return `${from} must not import ${to}`
  return undefined
}

/** Why a file of src/ must not import a package or a Node module, or undefined when it may. */
function whyNotOutside(file, name) {
  const from = folderOf(file)
  const owner = RULES.owned[name.split('/')[0]]
  if (owner && from !== owner) return `imports ${name}; only src/${owner} does`
  if (isTest(file) || file === RULES.entry) return undefined
  if (/^ringferry(\/|$)/.test(name)) return 'imports the package by its own name; use a relative path'
  if (RULES.outside[from]?.test(name)) return `${from} must not import ${name}`
  return undefined
}

/** One breach per circle: the imports that close it, met by a depth-first walk in the order of the files. */
function findCircles(graph) {
  const breaches = []
  const state = new Map()
  const trail = []
  const visit = (file) => {
    state.set(file, 'open')
    trail.push(file)
    for (const { target, line } of graph.get(file) ?? []) {
      if (state.get(target) === 'open') {
        const circle = [...trail.slice(trail.indexOf(target)), target].join(' > ')
        breaches.push({ file, line, message: `circular import: ${circle}` })
      } else if (!state.has(target)) visit(target)
    }
    trail.pop()
    state.set(file, 'done')
  }
  for (const file of graph.keys()) if (!state.has(file)) visit(file)
  return breaches
}

/** A module's path inside the folder `top`. Sources that run uncompiled name a worker by what it becomes in dist/. */
function inFolder(root, top, module, kind) {
  const compiled = relative(join(root, 'dist'), module)
  if (top === 'src' && kind === 'url' && !compiled.startsWith('..')) return compiled
  return relative(join(root, top), module)
}

/**
 * Checks the folders src/ and plane/ below `root`.
 * @param {string} root
 * @returns {{ files: number, breaches: { file: string, line: number, message: string }[] }}
 */
export function checkLayers(root) {
  const breaches = []
  const graph = new Map()
  for (const top of ['src', 'plane']) {
    const files = listFiles(root, top)
    for (const file of files) {
      const name = `${top}/${file}`
      const report = (line, message) => breaches.push({ file: name, line, message })
      const tokens = tokenize(readFileSync(join(root, name), 'utf8'))
      const edges = []
      graph.set(name, edges)
      if (top === 'src' && file !== RULES.entry && levelOf(folderOf(file)) < 0) {
        report(1, `${folderOf(file) || 'src/ itself'} has no level; give it one in tools/layers.mjs`)
        continue
      }
      for (const { path, line, kind } of findImports(tokens)) {
        if (path === undefined) report(line, 'the path of an import is a literal, so that it can be checked')
        else if (/^\.\.?(\/|$)/.test(path)) {
          if (kind === 'url' && !path.endsWith('.js')) continue
          const target = inFolder(root, top, resolve(root, top, dirname(file), path), kind)
          const source = target.replace(/\.js$/, '.ts').replace(/(?<!\.ts)$/, top === 'plane' ? '.ts' : '')
          if (target.startsWith('..')) {
            if (!isTest(file)) report(line, `imports ${path}, which is outside ${top}/`)
            continue
          }
          const why = top === 'src' ? whyNot(file, source, kind) : undefined
          if (why) report(line, why)
          if (files.includes(source) && !(kind === 'url' && source === file)) {
            edges.push({ target: `${top}/${source}`, line })
          }
        } else if (kind !== 'url') {
          const why = top === 'src' ? whyNotOutside(file, path) : `imports ${path}, which is outside plane/`
          if (why) report(line, why)
        }
      }
      if (top === 'src' && RULES.pure.includes(folderOf(file)) && !isTest(file)) {
        tokens.forEach((token, at) => {
          const words = RULES.ambient.find((ambient) => reads(tokens, at, ambient))
          if (!words || tokens[at - 1]?.text === '.') return
          report(
            token.line,
            `${words.join('')}: time and chance are arguments here (src/sys/clock reads time)`,
          )
        })
      }
    }
  }
  breaches.push(...findCircles(graph))
  breaches.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
  return { files: graph.size, breaches }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
  const { files, breaches } = checkLayers(root)
  for (const { file, line, message } of breaches) console.log(`${file}:${line}: ${message}`)
  if (breaches.length === 0) console.log(`layers: ${files} files, no breach`)
  else process.exitCode = 1
}
