/** What a switch that runs as a service needs, and where it was found. docs/service.md has the commands. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Whether something is there, what was found, and what to do when it is not. */
export interface ServiceFinding {
  readonly name: string
  readonly need: string
  readonly remedy: string
  readonly ok: boolean
  readonly found: string
}

const UNIT = 'ringferry.service'
const SYSTEM_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
const USER_FOLDERS = [join(homedir(), '.config/systemd/user'), '/etc/systemd/user', '/usr/lib/systemd/user']
const PROGRAM = '/usr/bin/ringferry'
const CONFIG = '/etc/ringferry/ringferry.yaml'
const USER = 'ringferry'

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether a user stands in a text of passwd(5). */
export function hasUser(passwd: string, name: string): boolean {
  return passwd.split('\n').some((line) => line.startsWith(`${name}:`))
}

function isUserThere(): boolean {
  try {
    return hasUser(readFileSync('/etc/passwd', 'utf8'), USER)
  } catch {
    return false
  }
}

/** Examines the machine. */
export function serviceFindings(): readonly ServiceFinding[] {
  const unit = [...SYSTEM_FOLDERS, ...USER_FOLDERS]
    .map((folder) => join(folder, UNIT))
    .find((path) => existsSync(path))
  const isManaged = existsSync('/run/systemd/system')
  const of = (ok: boolean, found: string): { ok: boolean; found: string } => ({
    ok,
    found: ok ? found : 'missing',
  })
  return [
    {
      name: 'systemd',
      need: 'ringferry as a service',
      remedy: 'systemd does not run here: have what starts programs here run ringferry up --log-format json',
      ...of(isManaged, 'runs'),
      ...(isManaged ? {} : { found: 'does not run' }),
    },
    {
      name: 'service unit',
      need: 'ringferry as a service',
      remedy: 'install the Debian package (npm run deb), or copy packaging/systemd: docs/service.md',
      ...of(unit !== undefined, unit ?? ''),
    },
    {
      name: 'service program',
      need: 'what the unit of the host starts',
      remedy: `ln -s "$(command -v ringferry)" ${PROGRAM}`,
      ...of(runs(PROGRAM), PROGRAM),
    },
    {
      name: 'service user',
      need: 'the unit of the host, which runs without privileges',
      remedy: `useradd --system --no-create-home --shell /usr/sbin/nologin ${USER}`,
      ...of(isUserThere(), USER),
    },
    {
      name: 'service file',
      need: 'what ports the unit of the host opens',
      remedy: `write ${CONFIG}; packaging/etc/ringferry.yaml is one to start from`,
      ...of(existsSync(CONFIG), CONFIG),
    },
  ]
}
