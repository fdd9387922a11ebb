/** What the package declares to its users: dist/index.d.ts and the declaration files behind it, as the compiler writes them. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)(?! from)/
const STATEMENT = /^(export|declare|import|interface|type)\b/

/** A declared name. */
export interface Declaration {
  /** The name and its file, relative to dist/. */
  readonly id: string
  readonly name: string
  readonly file: string
  /** Whether a doc comment stands before it. */
  readonly isDocumented: boolean
  /** The declaration without comments, private members, texts and `typeof` values. */
  readonly text: string
}

interface Clause {
  readonly local: string
  readonly name: string
  readonly file: string
}

interface Module {
  readonly declared: ReadonlyMap<string, Declaration>
  readonly imports: readonly Clause[]
  readonly exports: readonly Clause[]
  /** Files whose exports it passes on. */
  readonly passedOn: readonly string[]
}

/** The names of all `import { a, type b as c } from './x.js'` in a file, or of `export` in place of `import`. */
function clausesOf(source: string, verb: 'import' | 'export', fileOf: (path: string) => string): Clause[] {
  const clause = new RegExp(`^${verb} (?:type )?\\{([^}]*)\\} from '(\\.[^']*)\\.js';`, 'gm')
  return [...source.matchAll(clause)].flatMap(([, names = '', path = '']) =>
    [...names.matchAll(/(?:type )?(\w+)(?: as (\w+))?/g)].map(([, name = '', local = name]) => {
      return { local, name, file: fileOf(path) }
    }),
  )
}

/** The declarations of a file: each goes from a line that begins one to the next line that begins a statement. */
function declarationsOf(source: string, file: string): Map<string, Declaration> {
  const found = new Map<string, Declaration>()
  const lines = source.split('\n')
  lines.forEach((line, at) => {
    const name = DECLARATION.exec(line)?.[1]
    if (name === undefined) return
    const length = lines.slice(at + 1).findIndex((each) => STATEMENT.test(each))
    const text = lines
      .slice(at, length < 0 ? undefined : at + 1 + length)
      .filter((each) => !/^\s+private /.test(each))
      .join('\n')
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      .replace(/'[^']*'|\btypeof \w+/g, '')
    const isDocumented = lines[at - 1]?.endsWith('*/') ?? false
    found.set(name, { id: `${name} (${file})`, name, file, isDocumented, text })
  })
  return found
}

function readBuilt(file: string): string {
  return readFileSync(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)), 'utf8')
}

/** The public face of a package. */
export class PublicFace {
  readonly #read: (file: string) => string
  readonly #modules = new Map<string, Module>()
  /** What its users can import by name. */
  readonly declarations: readonly Declaration[]

  /** @param read gives the text of a declaration file; "index.d.ts" is the entry */
  constructor(read: (file: string) => string = readBuilt) {
    this.#read = read
    this.declarations = this.#module('index.d.ts').exports.map(({ name, file }) => {
      const declaration = this.#find(name, file)
      if (!declaration) throw new Error(`${name} is declared neither in ${file} nor behind it`)
      return declaration
    })
  }

  /** Types that something public takes, returns or holds and that have no public name: "Type (file), from Name". */
  unnamed(): string[] {
    const named = new Set(this.declarations.map(({ id }) => id))
    return this.declarations.flatMap((declaration) =>
      this.#typesIn(declaration)
        .filter(({ id }) => !named.has(id))
        .map(({ id }) => `${id}, from ${declaration.name}`),
    )
  }

  #module(file: string): Module {
    const known = this.#modules.get(file)
    if (known) return known
    const source = this.#read(file)
    const fileOf = (path: string): string => join(dirname(file), `${path}.d.ts`)
    const module = {
      declared: declarationsOf(source, file),
      imports: clausesOf(source, 'import', fileOf),
      exports: clausesOf(source, 'export', fileOf),
      passedOn: [...source.matchAll(/^export \* from '(\.[^']*)\.js';/gm)].map(([, path = '']) =>
        fileOf(path),
      ),
    }
    this.#modules.set(file, module)
    return module
  }

  /** The declaration of a name that a file exports, there or in a file that it is passed on from. */
  #find(name: string, file: string): Declaration | undefined {
    const { declared, exports, passedOn } = this.#module(file)
    const own = declared.get(name)
    if (own) return own
    const origin = exports.find(({ local }) => local === name)
    if (origin) return this.#find(origin.name, origin.file)
    for (const each of passedOn) {
      const found = this.#find(name, each)
      if (found) return found
    }
    return undefined
  }

  /** The types of the package that a declaration speaks of. */
  #typesIn({ file, text }: Declaration): Declaration[] {
    const { declared, imports } = this.#module(file)
    const names = new Set(text.match(/(?<![.\w])[A-Z]\w*/g))
    return [...names].flatMap((name) => {
      const origin = imports.find(({ local }) => local === name)
      return (origin ? this.#find(origin.name, origin.file) : declared.get(name)) ?? []
    })
  }
}
