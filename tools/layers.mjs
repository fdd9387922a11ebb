#!/usr/bin/env node
// The layer checker: imports only go down, never sideways or in a circle. `node tools/layers.mjs [ROOT]`
// prints `file:line: message` for every breach and exits 1, or one line and exits 0.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findImports, reads, tokenize } from './imports.mjs'

/**
 * @typedef {{ file: string, line: number, message: string }} Breach
 * @typedef {{ target: string, line: number, erased: boolean }} Edge
 * @typedef {Map<string, Edge[]>} Graph
 * @typedef {Map<string, { name: string, line: number }[]>} Strangers
 * @typedef {object} Rules
 * @property {string[][]} levels
 * @property {Record<string, string[]>} only
 * @property {{ from: string[], layer: string, outside: RegExp }} unreachable
 * @property {Record<string, RegExp>} types
 * @property {Record<string, RegExp>} outside
 * @property {Record<string, string>} owned
 * @property {string[]} pure
 * @property {string[][]} ambient
 * @property {string} entry
 */

/**
 * The rules. A layer is a folder of src/, or one of src/lab/. It imports itself and every level below its own; layers
 * of one level are strangers.
 * @type {Rules}
 */
const RULES = {
  /** From low to high. */
  levels: [
    ['errors'],
    ['sys', 'virtio', 'xen', 'aggregation', 'stats', 'plot'],
    ['core'],
    ['control', 'grants', 'vhost-user'],
    ['driver', 'port'],
    ['capture'],
    ['embedded', 'engine', 'sim'],
    ['config'],
    ['daemon'],
    ['lab/guest', 'lab/record'],
    ['lab/machine', 'lab/xen'],
    ['lab/bed'],
    ['lab/workload'],
    ['lab/study'],
    ['lab/run'],
    ['lab/analysis'],
    ['lab/report'],
    ['experiment'],
    ['plan'],
    ['cli'],
    ['dashboard'],
  ],
  /** Layers that see less than all below them: the layers they see, besides their own. */
  only: { virtio: [], xen: [], aggregation: ['errors'], stats: ['errors'], plot: ['errors'], dashboard: [] },
  /** Layers whose code must work where there is no kernel to ask: what they must not reach, through others either. */
  unreachable: {
    from: ['virtio', 'xen', 'aggregation', 'stats', 'plot', 'core', 'control', 'sim'],
    layer: 'sys',
    outside: /./,
  },
  /** Modules whose types, and nothing else, a layer sees in addition. */
  types: { dashboard: /^daemon\/api(\/|\.ts$)/ },
  /** Modules from outside that a layer must not import. */
  outside: { dashboard: /^node:/ },
  /** Packages that one layer keeps to itself. */
  owned: { koffi: 'sys' },
  /** Layers in which time and chance are arguments, and what they must not use. */
  pure: [
    ...[
      'virtio',
      'xen',
      'aggregation',
      'stats',
      'plot',
      'core',
      'control',
      'grants',
      'vhost-user',
      'driver',
      'port',
      'capture',
    ],
    'sim',
  ],
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

/** @param {string} file */
const isTest = (file) => /\.test\.ts$/.test(file)
const LAYERS = RULES.levels.flat()

/**
 * The layer of a file: its folder, or the folder inside one that is divided.
 * @param {string} file
 */
function folderOf(file) {
  const parts = file.split('/').slice(0, -1)
  const inner = parts.slice(0, 2).join('/')
  return LAYERS.includes(inner) ? inner : (parts[0] ?? '')
}
/** @param {string} folder */
const levelOf = (folder) => RULES.levels.findIndex((level) => level.includes(folder))

/**
 * All TypeScript files below `root/top`, as paths relative to it, sorted.
 * @param {string} root
 * @param {string} top
 */
function listFiles(root, top) {
  if (!existsSync(join(root, top))) return []
  return readdirSync(join(root, top), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .sort()
}

/**
 * Why a file of src/ must not import the module `target` (path inside src/), or undefined when it may.
 * @param {string} file
 * @param {string} target
 * @param {import('./imports.mjs').ImportKind} kind
 */
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
  return undefined
}

/**
 * Why a file of src/ must not import a package or a Node module, or undefined when it may.
 * @param {string} file
 * @param {string} name
 */
function whyNotOutside(file, name) {
  const from = folderOf(file)
  const owner = RULES.owned[name.split('/', 1)[0] ?? '']
  if (owner && from !== owner) return `imports ${name}; only src/${owner} does`
  if (isTest(file) || file === RULES.entry) return undefined
  if (/^ringferry(\/|$)/.test(name)) return 'imports the package by its own name; use a relative path'
  if (RULES.outside[from]?.test(name)) return `${from} must not import ${name}`
  return undefined
}

/**
 * A breach per file of a layer without a kernel that reaches the layer of system calls, or a module from outside, through
 * whatever it imports: the import by which it gets there, and the way.
 * @param {Graph} graph
 * @param {Strangers} strangers
 */
function findReached(graph, strangers) {
  const { from, layer, outside } = RULES.unreachable
  /** @type {Breach[]} */
  const breaches = []
  for (const start of graph.keys()) {
    const own = start.replace(/^src\//, '')
    if (!start.startsWith('src/') || isTest(own) || !from.includes(folderOf(own))) continue
    const seen = new Set([start])
    /** @type {{ file: string, way: string[], line: number }[]} */
    const queue = [{ file: start, way: [], line: 0 }]
    for (const { file, way, line } of queue) {
      const stranger = strangers.get(file)?.find(({ name }) => outside.test(name))
      if (stranger) {
        const path = [...way, file, stranger.name].map((name) => name.replace(/^src\//, '')).join(' > ')
        breaches.push({
          file: start,
          line: line || stranger.line,
          message: `reaches ${stranger.name}: ${path}`,
        })
        break
      }
      if (file !== start && folderOf(file.replace(/^src\//, '')) === layer) {
        const path = [...way, file].map((name) => name.replace(/^src\//, '')).join(' > ')
        breaches.push({ file: start, line, message: `reaches ${layer}: ${path}` })
        break
      }
      for (const edge of graph.get(file) ?? [])
        if (!edge.erased && !seen.has(edge.target)) {
          seen.add(edge.target)
          queue.push({ file: edge.target, way: [...way, file], line: line || edge.line })
        }
    }
  }
  return breaches
}

/**
 * One breach per circle: the imports that close it, met by a depth-first walk in the order of the files.
 * @param {Graph} graph
 */
function findCircles(graph) {
  /** @type {Breach[]} */
  const breaches = []
  const state = new Map()
  /** @type {string[]} */
  const trail = []
  /** @param {string} file */
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

/**
 * A module's path inside the folder `top`. Sources that run uncompiled name a worker by what it becomes in dist/.
 * @param {string} root
 * @param {string} top
 * @param {string} module
 * @param {import('./imports.mjs').ImportKind} kind
 */
function inFolder(root, top, module, kind) {
  if (kind === 'built') return relative(join(root, top), module)
  const compiled = relative(join(root, 'dist'), module)
  if (top === 'src' && kind === 'url' && !compiled.startsWith('..')) return compiled
  return relative(join(root, top), module)
}

/**
 * Checks the folders src/ and plane/ below `root`.
 * @param {string} root
 * @returns {{ files: number, breaches: Breach[] }}
 */
export function checkLayers(root) {
  /** @type {Breach[]} */
  const breaches = []
  /** @type {Graph} */
  const graph = new Map()
  /**
   * Modules from outside, by file; types that the compiler erases are none.
   * @type {Strangers}
   */
  const strangers = new Map()
  for (const top of ['src', 'plane']) {
    const files = listFiles(root, top)
    for (const file of files) {
      const name = `${top}/${file}`
      /**
       * @param {number} line
       * @param {string} message
       */
      const report = (line, message) => breaches.push({ file: name, line, message })
      const tokens = tokenize(readFileSync(join(root, name), 'utf8'))
      /** @type {Edge[]} */
      const edges = []
      graph.set(name, edges)
      if (top === 'src' && file !== RULES.entry && levelOf(folderOf(file)) < 0) {
        report(1, `${folderOf(file) || 'src/ itself'} has no level; give it one in tools/layers.mjs`)
        continue
      }
      for (const { path, line, kind } of findImports(tokens)) {
        if (path === undefined) report(line, 'the path of an import is a literal, so that it can be checked')
        else if (/^\.\.?(\/|$)/.test(path) || kind === 'built') {
          if ((kind === 'url' || kind === 'built') && !path.endsWith('.js')) continue
          const target = inFolder(
            root,
            top,
            resolve(root, top, kind === 'built' ? '' : dirname(file), path),
            kind,
          )
          const source = target.replace(/\.js$/, '.ts').replace(/(?<!\.ts)$/, top === 'plane' ? '.ts' : '')
          if (target.startsWith('..')) {
            if (!isTest(file)) report(line, `imports ${path}, which is outside ${top}/`)
            continue
          }
          const why = top === 'src' ? whyNot(file, source, kind) : undefined
          if (why) report(line, why)
          if (files.includes(source) && !(kind === 'url' && source === file)) {
            edges.push({ target: `${top}/${source}`, line, erased: kind === 'types' })
          }
        } else if (kind !== 'url') {
          const why = top === 'src' ? whyNotOutside(file, path) : `imports ${path}, which is outside plane/`
          if (why) report(line, why)
          if (kind !== 'types') strangers.set(name, [...(strangers.get(name) ?? []), { name: path, line }])
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
  breaches.push(...findReached(graph, strangers), ...findCircles(graph))
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
