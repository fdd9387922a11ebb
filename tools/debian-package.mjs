#!/usr/bin/env node
// `npm run deb [FOLDER]`: makes ringferry_VERSION_ARCH.deb of what is built, with the packages of node_modules that it needs
// at run time. Nothing is fetched. Source: Debian policy manual, chapters 3, 5, 6 and 10; deb-control(5).
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { writeManual } from './man.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const ARCHITECTURES = /** @type {Record<string, string>} */ ({ x64: 'amd64', arm64: 'arm64' })
const HOME = 'usr/lib/ringferry'
const DOC = 'usr/share/doc/ringferry'
const CONFIG = 'etc/ringferry/ringferry.yaml'

/** Folders of the packages that are needed at run time and are there: those for other machines are not. */
function runtimePackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.keys(packages).filter((path) => {
    const { dev, devOptional } = packages[path]
    return path !== '' && !dev && !devOptional && existsSync(join(root, path))
  })
}

/** @param {string} stage @param {string} from in the repository @param {string} to in the package */
function copy(stage, from, to) {
  mkdirSync(join(stage, dirname(to)), { recursive: true })
  cpSync(join(root, from), join(stage, to), { recursive: true })
}

/** @param {string} stage @param {string} to @param {string | Buffer} content @param {number} [mode] */
function put(stage, to, content, mode = 0o644) {
  mkdirSync(join(stage, dirname(to)), { recursive: true })
  writeFileSync(join(stage, to), content, { mode })
}

/** @param {string} stage */
function placeProgram(stage) {
  for (const name of ['package.json', 'dist', 'studies', 'examples', 'docs/schema'])
    copy(stage, name, `${HOME}/${name}`)
  for (const path of runtimePackages()) copy(stage, path, `${HOME}/${path}`)
  mkdirSync(join(stage, 'usr/bin'), { recursive: true })
  symlinkSync('../lib/ringferry/dist/cli/main.js', join(stage, 'usr/bin/ringferry'))
}

/** @param {string} stage */
async function placeManual(stage) {
  const folder = join(stage, 'usr/share/man/man1')
  await writeManual(folder)
  execFileSync('gzip', ['-9n', '--recursive', folder])
  const program = join(root, 'dist/cli/main.js')
  const places = {
    bash: 'usr/share/bash-completion/completions/ringferry',
    zsh: 'usr/share/zsh/vendor-completions/_ringferry',
    fish: 'usr/share/fish/vendor_completions.d/ringferry.fish',
  }
  for (const [shell, place] of Object.entries(places))
    put(stage, place, execFileSync(process.execPath, [program, 'completion', shell]))
}

/** @param {string} stage */
function placeService(stage) {
  copy(stage, 'packaging/etc/ringferry.yaml', CONFIG)
  copy(stage, 'packaging/systemd/ringferry.service', 'usr/lib/systemd/system/ringferry.service')
  copy(stage, 'packaging/systemd/ringferry.socket', 'usr/lib/systemd/system/ringferry.socket')
  copy(stage, 'packaging/systemd/user/ringferry.service', 'usr/lib/systemd/user/ringferry.service')
  copy(stage, 'packaging/debian/ringferry.sysusers', 'usr/lib/sysusers.d/ringferry.conf')
  for (const name of ['systemd/drop-ins', 'grafana', 'prometheus'])
    copy(stage, `packaging/${name}`, `${DOC}/${name}`)
  copy(stage, 'README.md', `${DOC}/README.md`)
  copy(stage, 'LICENSE', `${DOC}/copyright`)
  put(stage, `${DOC}/changelog.gz`, gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }))
}

/** @param {string} stage @param {string} version @param {string} architecture */
function placeControl(stage, version, architecture) {
  const kib = execFileSync('du', ['-sk', stage], { encoding: 'utf8' }).split('\t')[0]
  const control = `Package: ringferry
Version: ${version}
Architecture: ${architecture}
Maintainer: The authors of Ringferry <ringferry@localhost>
Installed-Size: ${kib}
Depends: nodejs (>= 20), libc6 (>= 2.31)
Recommends: systemd (>= 249)
Section: net
Priority: optional
Description: userspace switch for virtual machines
 A vhost-user switch with adaptive packet aggregation: delay targets for each
 virtual machine, TAPs, host NICs, VXLAN, metrics and capture.
`
  put(stage, 'DEBIAN/control', control)
  put(stage, 'DEBIAN/conffiles', `/${CONFIG}\n`)
  for (const name of ['postinst', 'prerm', 'postrm'])
    put(stage, `DEBIAN/${name}`, readFileSync(join(root, 'packaging/debian', name)), 0o755)
}

/**
 * Makes the package.
 * @param {string} folder where it goes
 * @param {string} compression of dpkg-deb: xz, gzip, zstd
 * @returns {Promise<string>} its path
 */
export async function makePackage(folder, compression = 'xz') {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const architecture = ARCHITECTURES[process.arch]
  if (architecture === undefined) throw new Error(`there is no Debian package for ${process.arch}`)
  const stage = mkdtempSync(join(tmpdir(), 'ringferry-deb-'))
  try {
    execFileSync('chmod', ['755', stage])
    placeProgram(stage)
    await placeManual(stage)
    placeService(stage)
    execFileSync('chmod', ['-R', 'u=rwX,go=rX', stage])
    placeControl(stage, version, architecture)
    const path = join(folder, `ringferry_${version}_${architecture}.deb`)
    mkdirSync(folder, { recursive: true })
    execFileSync('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '--build', stage, path])
    return path
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(await makePackage(process.argv[2] ?? join(root, 'packages')))
