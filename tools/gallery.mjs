#!/usr/bin/env node
// Writes docs/gallery/: the SVG of every chart in test/gallery/gallery.ts and one page with all of them.
// `node tools/gallery.mjs` (a test beside it fails when the folder is not what this writes).
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const folder = fileURLToPath(new URL('../docs/gallery/', import.meta.url))
const source = fileURLToPath(new URL('../test/gallery/gallery.ts', import.meta.url))

// Node does not run TypeScript; vite comes with vitest and needs no build.
/** @type {{ module: typeof import('../test/gallery/gallery.js') }} */
const { module } = await runnerImport(source, { configFile: false, logLevel: 'error' })
const cases = module.drawGallery()
mkdirSync(folder, { recursive: true })
const files = new Map(cases.map(({ name, chart }) => [`${name}.svg`, `${chart.svg}\n`]))
files.set('index.html', module.galleryPage(cases))
for (const file of readdirSync(folder)) if (!files.has(file)) rmSync(folder + file)
for (const [file, text] of files) writeFileSync(folder + file, text)
console.log(`gallery: ${cases.length} charts in docs/gallery`)
