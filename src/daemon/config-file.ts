/**
 * The file that a switch was started with, into which changes are written back: only what is asked for, comments stay, and
 * all of it or nothing. Nobody else's change is overwritten.
 */
import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { parseConfig, readConfigText } from '../config/config.js'
import { RingferryError } from '../errors/errors.js'
import type { PortConfig } from '../port/config.js'

const MODE_BITS = 0o7777

/** Settings as they are written: null takes one out, a group changes what it names. */
export interface Patch {
  readonly [setting: string]: unknown
}

/** What is written back. */
export type FileEdit =
  | { readonly edit: 'add'; readonly port: PortConfig }
  | { readonly edit: 'remove'; readonly name: string }
  | { readonly edit: 'set'; readonly name: string; readonly patch: Patch }
  | { readonly edit: 'engine'; readonly patch: Patch }

/** Text that is ready to become the file's. */
export interface PreparedText {
  readonly text: string
  /** Puts it beside the file. Throws PERMISSION or SYSCALL. */
  write(): { commit(): void; cancel(): void }
}

const isGroup = (value: unknown): value is Patch =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a patch says where there was nothing. */
function written(patch: unknown): unknown {
  if (!isGroup(patch)) return patch
  const entries = Object.entries(patch).filter(([, value]) => value !== null)
  return Object.fromEntries(entries.map(([name, value]) => [name, written(value)]))
}

function applyPatch(document: Document, path: readonly (string | number)[], patch: Patch): void {
  for (const [setting, value] of Object.entries(patch)) {
    const at = [...path, setting]
    if (value === null) {
      if (document.hasIn(at)) document.deleteIn(at)
    } else if (isGroup(value) && isMap(document.getIn(at))) applyPatch(document, at, value)
    else
      document.setIn(at, isGroup(value) || Array.isArray(value) ? document.createNode(written(value)) : value)
  }
}

/** A file in the style of the text that it was: the writer would have one of its own. */
function styleOf(text: string): { lineWidth: number; flowCollectionPadding: boolean; indentSeq: boolean } {
  return {
    lineWidth: 0,
    flowCollectionPadding: !/\{[^\s}]/.test(text),
    indentSeq: !/^ports:[^\n]*\n(\s*(#[^\n]*)?\n)*- /m.test(text),
  }
}

/** @param index of the port that is to be replaced; -1: none */
function addPort(document: Document, port: object, index: number): void {
  const ports = document.getIn(['ports'])
  if (!isSeq(ports)) {
    document.setIn(['ports'], document.createNode([port]))
    return
  }
  const node = document.createNode(port)
  const [first] = ports.items
  if (isMap(first) && first.flow) node.flow = true
  if (index >= 0) ports.set(index, node)
  else ports.add(node)
}

export class ConfigFile {
  readonly path: string
  #text: string

  /** @param text what it said when it was read */
  constructor(path: string, text: string) {
    this.path = path
    this.#text = text
  }

  /** The file was read again. */
  set text(text: string) {
    this.#text = text
  }

  /**
   * The text with edits. Throws BUSY when the file has changed since it was read, CONFIG or NOT_FOUND when an edit does not
   * fit what it says.
   */
  prepare(edits: readonly FileEdit[]): PreparedText {
    if (readConfigText(this.path) !== this.#text)
      throw new RingferryError(
        'BUSY',
        `${this.path}: has changed since the switch read it; have it read again (kill -HUP), then try again`,
      )
    const document = parseDocument(this.#text)
    for (const edit of edits) this.#edit(document, edit)
    const text = document.toString(styleOf(this.#text))
    parseConfig(text, `${this.path} with the change`)
    return { text, write: () => this.#write(text) }
  }

  #edit(document: Document, edit: FileEdit): void {
    if (edit.edit === 'engine') {
      applyPatch(document, ['engine'], edit.patch)
      return
    }
    const ports = document.getIn(['ports'])
    const name = edit.edit === 'add' ? edit.port.name : edit.name
    const items = isSeq(ports) ? ports.items : []
    const index = items.findIndex((_, at) => document.getIn(['ports', at, 'name']) === name)
    if (edit.edit === 'set' && !isMap(items[index]))
      throw new RingferryError(
        'NOT_FOUND',
        `${this.path}: has no port ${name} that could be written back: it came from the command line, from a request, or by an alias`,
      )
    if (edit.edit === 'add') addPort(document, edit.port, index)
    else if (edit.edit === 'set') applyPatch(document, ['ports', index], edit.patch)
    else if (index >= 0) document.deleteIn(['ports', index])
  }

  #write(text: string): { commit(): void; cancel(): void } {
    // A link stays one: what it leads to is replaced.
    const target = realpathSync(this.path)
    const { mode, uid, gid } = statSync(target)
    const fresh = `${dirname(target)}/.${basename(target)}.${process.pid}.new`
    try {
      const fd = openSync(fresh, 'w', mode & MODE_BITS)
      try {
        writeSync(fd, text)
        fchmodSync(fd, mode & MODE_BITS)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      if (process.getuid?.() === 0) chownSync(fresh, uid, gid)
    } catch (cause) {
      rmSync(fresh, { force: true })
      const { code } = cause as NodeJS.ErrnoException
      throw new RingferryError(
        code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'PERMISSION' : 'SYSCALL',
        `${this.path}: cannot be written back (${code}); nothing was changed`,
        { cause },
      )
    }
    return {
      commit: () => {
        renameSync(fresh, target)
        this.#text = text
      },
      cancel: () => rmSync(fresh, { force: true }),
    }
  }
}
