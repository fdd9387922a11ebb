#!/usr/bin/env node
// `npm run man [FOLDER]`: writes the manual pages, made from the command tree of dist/, into man/.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @param {string} folder is emptied */
export async function writeManual(folder) {
  /** @param {string} path */
  const built = (path) => import(new URL(`../dist/${path}`, import.meta.url).href)
  const { makeProgram } = await built('cli/program.js')
  const { commandTree } = await built('cli/command-tree.js')
  const { manualPages } = await built('cli/manual.js')
  const { ringferryVersion } = await built('sys/version.js')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of manualPages(commandTree(await makeProgram()), ringferryVersion()))
    writeFileSync(join(folder, name), text)
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await writeManual(process.argv[2] ?? fileURLToPath(new URL('../man', import.meta.url)))
