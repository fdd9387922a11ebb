/** docs/service.md under a real systemd: the package from its installation to its purge, a login's service, npm i -g. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sandbox } from './sandbox.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const isAble = process.getuid?.() === 0 && existsSync('/lib/systemd/systemd')
if (!isAble) console.log('skipped: this needs root, and systemd installed')

const folder = mkdtempSync(join(tmpdir(), 'ringferry-systemd-'))
const page = readFileSync(join(ROOT, 'docs/service.md'), 'utf8')
let sandbox: Sandbox

const must = (script: string): string => sandbox.must(script)
const property = (name: string, unit = 'ringferry'): string =>
  must(`systemctl show --value -p ${name} ${unit}`)
const journal = (): string => must('journalctl --sync; journalctl -u ringferry -o cat --no-pager')
/** The lines of the page's block that has a text. */
function blockWith(text: string): string {
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  const found = blocks.find((block) => block.includes(text))
  if (found === undefined) throw new Error(`docs/service.md has no block with "${text}"`)
  return `set -e; sudo() { "$@"; }\n${found}`
}

async function makePackage(): Promise<string> {
  const { makePackage: make } = await import(join(ROOT, 'tools/debian-package.mjs'))
  return await make(folder, 'gzip')
}

/** The same package as one of a later version. */
function laterPackage(deb: string): string {
  const stage = join(folder, 'later')
  execFileSync('dpkg-deb', ['--raw-extract', deb, stage])
  execFileSync('sed', ['-i', 's/^Version: .*/Version: 99.0.0/', join(stage, 'DEBIAN/control')])
  execFileSync('dpkg-deb', [
    '-Zgzip',
    '-z1',
    '--root-owner-group',
    '--build',
    stage,
    join(folder, 'later.deb'),
  ])
  return join(folder, 'later.deb')
}

beforeAll(async () => {
  if (!isAble) return
  const deb = await makePackage()
  sandbox = await Sandbox.boot()
  sandbox.must('cat >/root/ringferry.deb', readFileSync(deb))
  sandbox.must('cat >/root/later.deb', readFileSync(laterPackage(deb)))
})
afterAll(async () => {
  await sandbox?.end()
  rmSync(folder, { recursive: true, force: true })
  if (!isAble) return
  // Nothing of the machine below was touched.
  expect(spawnSync('dpkg-query', ['--show', 'ringferry'], { encoding: 'utf8' }).status).not.toBe(0)
})

describe.runIf(isAble)('the package under systemd', () => {
  it('is installed by dpkg, makes its user, and starts nothing', () => {
    must('dpkg -i /root/ringferry.deb')
    expect(must('getent passwd ringferry')).toMatch(/nologin$/)
    expect(property('ActiveState')).toBe('inactive')
    expect(sandbox.run('systemctl is-enabled ringferry').output.trim()).toBe('disabled')
  })

  it('starts: the unit is active when the ports are open, and its group may ask', () => {
    must('systemctl enable --now ringferry')
    expect([property('ActiveState'), property('User')]).toEqual(['active', 'ringferry'])
    expect(must('ringferry status')).toContain('ports      0 of 1 up')
    must('useradd --groups ringferry alice; useradd stranger')
    expect(must('runuser -u alice -- ringferry port list')).toContain('g1')
    const refused = sandbox.run('runuser -u stranger -- ringferry status')
    expect(refused).toMatchObject({ code: 3 })
    expect(must('stat -c "%a %U %G" /run/ringferry/ringferry.sock')).toBe('660 ringferry ringferry')
  })

  it('says how it is in the status line', async () => {
    expect(await sandbox.until('systemctl show --value -p StatusText ringferry | grep ports')).toMatch(
      /^0 of 1 ports up/,
    )
  })

  it('reloads its file, and goes on with the old one when the new is wrong', () => {
    const before = property('MainPID')
    must(
      `printf '  - {kind: vif, name: g2, socket: /run/ringferry/g2.sock}\n' >>/etc/ringferry/ringferry.yaml`,
    )
    must('systemctl reload ringferry')
    expect(must('ringferry port list')).toContain('g2')
    must('echo "x: [" >>/etc/ringferry/ringferry.yaml; systemctl reload ringferry')
    expect(must('journalctl --sync; journalctl -u ringferry -p warning -o cat --no-pager')).toMatch(
      /ringferry\.yaml:\d+:\d+: this is not valid YAML/,
    )
    must(`sed -i '$ d' /etc/ringferry/ringferry.yaml`)
    expect([property('ActiveState'), property('MainPID')]).toEqual(['active', before])
  })

  /** Waits for another process than one, which takes commands. */
  async function another(than: string): Promise<void> {
    const pid = 'systemctl show --value -p MainPID ringferry'
    await sandbox.until(`now=$(${pid}); [ $now != ${than} ] && [ $now != 0 ] && ringferry status`)
  }

  it('is started again when it is killed, and when it hangs', async () => {
    let before = property('MainPID')
    must('systemctl kill --signal=KILL ringferry')
    await another(before)
    must(`mkdir -p /etc/systemd/system/ringferry.service.d
      printf '[Service]\nWatchdogSec=8\n' >/etc/systemd/system/ringferry.service.d/watchdog.conf
      systemctl daemon-reload; systemctl restart ringferry`)
    before = property('MainPID')
    must(`kill -STOP ${before}`)
    await another(before)
    expect(must('journalctl --sync; journalctl _PID=1 -o cat --no-pager')).toContain('Watchdog timeout')
    must('rm /etc/systemd/system/ringferry.service.d/watchdog.conf; systemctl daemon-reload')
  })

  it('goes on with its guests when it is killed, aborted or restarted, and lets them go when it is stopped', async () => {
    sandbox.must('cat >/root/guest.mjs', readFileSync(join(ROOT, 'test/systemd/guest.mjs')))
    must('systemd-run --unit=guest node /root/guest.mjs /run/ringferry/g1.sock')
    const isUp = 'ringferry port list | grep -E "g1 .* up"'
    await sandbox.until(isUp)
    const ends = [
      'systemctl kill --signal=KILL ringferry',
      'systemctl restart ringferry',
      'systemctl kill --signal=ABRT ringferry',
    ]
    for (const end of ends) {
      const before = property('MainPID')
      // Its record, its connection, its memory, and a kick and a call for each of two rings.
      await sandbox.until('[ $(systemctl show --value -p NFileDescriptorStore ringferry) = 7 ]')
      must(end)
      await another(before)
      await sandbox.until(isUp)
      expect(must('ringferry events')).toContain('as before the restart')
      expect(property('ActiveState', 'guest')).toBe('active')
    }
    must('systemctl stop ringferry')
    await sandbox.until('systemctl is-failed guest')
    expect(must('journalctl --sync; journalctl -u guest -o cat')).toMatch(/hung up|does not take/)
    must('systemctl reset-failed guest; systemctl start ringferry')
    expect(property('NFileDescriptorStore')).toBe('0')
  })

  it('drains and ends without an error when it is stopped', () => {
    must('systemctl restart ringferry; systemctl stop ringferry')
    expect([property('Result'), property('ExecMainStatus')]).toEqual(['success', '0'])
    expect(journal().trimEnd().split('\n').slice(-2).join('\n')).toContain('"msg":"drained"')
    expect(must('ls -A /run/ringferry')).toBe('')
  })

  it('is started by its socket, and commands wait while it restarts', () => {
    must('systemctl start ringferry.socket')
    expect(property('ActiveState')).toBe('inactive')
    expect(must('ringferry port list')).toContain('g2')
    must('systemctl restart ringferry & ringferry status; wait')
    must('systemctl stop ringferry.socket ringferry')
  })

  it('has a TAP with the drop-in for host ports, and none without', () => {
    must(`printf '  - {kind: tap, name: host, device: rf0}\n' >>/etc/ringferry/ringferry.yaml`)
    expect(sandbox.run('systemctl start ringferry').code).not.toBe(0)
    must('systemctl stop ringferry')
    must(`mkdir -p /etc/systemd/system/ringferry.service.d
      cp /usr/share/doc/ringferry/systemd/drop-ins/host-ports.conf /etc/systemd/system/ringferry.service.d/
      systemctl daemon-reload; systemctl start ringferry`)
    expect(must('ringferry port list')).toMatch(/host +tap +up/)
    expect(must('ip -br link show rf0')).toContain('rf0')
  })

  it('is little exposed', () => {
    const [, level = ''] =
      /exposure level for \S+: (\S+)/.exec(must('systemd-analyze security ringferry')) ?? []
    expect(Number(level)).toBeLessThan(3)
  })

  it('is upgraded: another process runs, with the file that the operator wrote', () => {
    const before = property('MainPID')
    must('dpkg -i /root/later.deb')
    expect(property('ActiveState')).toBe('active')
    expect(property('MainPID')).not.toBe(before)
    expect(must('ringferry port list')).toContain('g2')
  })

  it('goes when it is removed, and leaves nothing when it is purged', () => {
    must('dpkg --remove ringferry')
    expect(property('LoadState')).toBe('not-found')
    expect(sandbox.run('pgrep -u ringferry').code).toBe(1)
    must('test -e /etc/ringferry/ringferry.yaml')
    must('rm -r /etc/systemd/system/ringferry.service.d; dpkg --purge ringferry')
    expect(must('ls -d /etc/ringferry /run/ringferry /usr/lib/ringferry 2>/dev/null || true')).toBe('')
    expect(must('find /etc/systemd -name "ringferry*"')).toBe('')
  })
})

describe.runIf(isAble)('what npm installs, under systemd', () => {
  beforeAll(() => {
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT, encoding: 'utf8' }),
    ) as [{ readonly filename: string }]
    const prefix = join(folder, 'prefix')
    execFileSync('npm', ['install', '--global', '--prefix', prefix, join(folder, packed.filename)], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const archive = execFileSync('tar', ['-C', prefix, '-c', '.'], { maxBuffer: 2 ** 30 })
    sandbox.must('tar -C /usr/local -x', archive)
  })

  it('is a service of the host after the lines of the page', () => {
    // The package has left its user.
    must(`userdel alice; userdel ringferry; cd /usr/local/lib/node_modules/ringferry; ${blockWith('ln -s')}`)
    expect(property('ActiveState')).toBe('active')
    expect(must('ringferry port list')).toContain('g1')
    must('systemctl stop ringferry')
  })

  it('is a service of a login after the lines of the page', async () => {
    must('useradd --create-home somebody; loginctl enable-linger somebody')
    const as = 'runuser -u somebody -- env XDG_RUNTIME_DIR=/run/user/$(id -u somebody) HOME=/home/somebody'
    await sandbox.until(`${as} systemctl --user show --property=Version`)
    const lines = blockWith('~/.config/systemd/user')
    must(`cd /usr/local/lib/node_modules/ringferry; ${as} bash -c '${lines}'`)
    expect(must(`${as} systemctl --user is-active ringferry`)).toBe('active')
    expect(must(`${as} ringferry status`)).toContain('ports      0 of 2 up')
    must(`${as} systemctl --user stop ringferry`)
  })
})
