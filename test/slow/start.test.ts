import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

// A clone in small: the real start.mjs, an npm and a build that leave a line in a log, a main that tells its arguments.
const NPM = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
appendFileSync('log', 'npm ' + process.argv[2] + '\\n')
if (process.env.BREAK_NPM) { console.error('no network'); process.exit(3) }
mkdirSync('node_modules', { recursive: true })
writeFileSync('node_modules/.package-lock.json', '{}')`
const BUILD = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
appendFileSync('log', 'build\\n')
mkdirSync('dist/cli', { recursive: true })
writeFileSync('dist/cli/main.js', process.env.MAIN)`
const MAIN = "console.log(process.argv.slice(2).join(' ')); process.exitCode = 5"

let root = ''
const path = (name: string) => join(root, name)
const log = () => readFileSync(path('log'), 'utf8').trimEnd().split('\n')

/** Dates a file `seconds` from now. */
function date(name: string, seconds: number): void {
  const time = Date.now() / 1000 + seconds
  utimesSync(path(name), time, time)
}

const environment = (more: Record<string, string>) => ({
  ...process.env,
  npm_execpath: path('npm.mjs'),
  MAIN,
  ...more,
})

function start(args: string[], more: Record<string, string> = {}) {
  return spawnSync(process.execPath, [path('tools/start.mjs'), ...args], {
    cwd: tmpdir(),
    encoding: 'utf8',
    env: environment(more),
  })
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ringferry-start-'))
  for (const name of ['tools', 'src', 'plane']) mkdirSync(path(name))
  for (const name of ['start.mjs', 'setup.mjs', 'run.mjs']) {
    copyFileSync(new URL(`../../tools/${name}`, import.meta.url), path(`tools/${name}`))
  }
  writeFileSync(path('package.json'), '{ "type": "module" }')
  writeFileSync(path('npm.mjs'), NPM)
  writeFileSync(path('tools/build.mjs'), BUILD)
  for (const name of ['package-lock.json', 'src/a.ts', 'plane/plane.ts']) writeFileSync(path(name), '{}')
  for (const name of ['package-lock.json', 'src/a.ts', 'plane/plane.ts', 'tools/build.mjs']) date(name, -60)
})

afterEach(() => rmSync(root, { recursive: true }))

test('start installs, builds and passes arguments and exit code on when the clone is fresh', () => {
  const { stdout, stderr, status } = start(['--guests', 'embedded'])
  expect(stdout).toBe(
    'installing packages (npm ci)\nbuilding (plane and dist/)\nlab run seed --quick --guests embedded\n',
  )
  expect([stderr, status]).toEqual(['', 5])
  expect(log()).toEqual(['npm ci', 'build'])
})

test('start runs at once when nothing is older than its source', () => {
  start([])
  const { stdout } = start(['again'])
  expect(stdout).toBe('lab run seed --quick again\n')
  expect(log()).toEqual(['npm ci', 'build'])
})

test.each(['src/a.ts', 'plane/plane.ts'])('start builds again when %s changed', (name) => {
  start([])
  date(name, 60)
  start([])
  expect(log()).toEqual(['npm ci', 'build', 'build'])
})

test('start installs and builds again when package-lock.json changed', () => {
  start([])
  date('package-lock.json', 60)
  start([])
  expect(log()).toEqual(['npm ci', 'build', 'npm ci', 'build'])
})

test('start does not build again when only a test or the generated layout changed', () => {
  mkdirSync(path('src/core'))
  start([])
  for (const name of ['src/a.test.ts', 'src/core/layout.ts']) {
    writeFileSync(path(name), '')
    date(name, 60)
  }
  start([])
  expect(log()).toEqual(['npm ci', 'build'])
})

test("start shows npm's own words and stops when the installation fails", () => {
  const { stderr, status } = start([], { BREAK_NPM: '1' })
  expect(stderr).toBe('no network\nnpm ci failed; check the network and the npm registry, then try again\n')
  expect([log(), status]).toEqual([['npm ci'], 3])
})

test('start hands one SIGINT to the study and waits for it when two arrive together', async () => {
  const main = `
    let count = 0
    process.on('SIGINT', () => { if (++count === 1) setTimeout(() => process.exit(count), 150) })
    setInterval(() => {}, 1000)
    console.log('ready')`
  const child = spawn(process.execPath, [path('tools/start.mjs')], {
    env: environment({ MAIN: main }),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const chunk of child.stdout) if (String(chunk).includes('ready')) break
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGINT'), 50)
  expect(await new Promise((done) => child.on('exit', done))).toBe(1)
})

test('start ends by the signal that ended the study', () => {
  expect(start([], { MAIN: "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 5000)" }).signal).toBe(
    'SIGTERM',
  )
})
