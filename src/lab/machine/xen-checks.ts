import { existsSync, readFileSync } from 'node:fs'
import { EVTCHN_PATH } from '../../sys/xen-evtchn.js'
import { GNTDEV_PATH } from '../../sys/xen-gntdev.js'
import { XENBUS_PATH } from '../../sys/xenbus-device.js'

interface XenFinding {
  readonly name: string
  readonly need: string
  readonly ok: boolean
  readonly found: string
  readonly remedy: string
}

/** Which module makes a device of Xen's. */
const DEVICES: Readonly<Record<string, string>> = {
  [GNTDEV_PATH]: 'xen-gntdev',
  [EVTCHN_PATH]: 'xen-evtchn',
  [XENBUS_PATH]: 'xenfs',
}

/** Whether a Linux with Xen's interfaces runs here, as a domain of it. Source: Documentation/ABI/stable/sysfs-hypervisor-xen. */
function isXen(root: string): boolean {
  const path = `${root}/sys/hypervisor/type`
  return existsSync(path) && readFileSync(path, 'utf8').trim() === 'xen'
}

/** What `xen` ports need of this machine. @param root of the file system, for tests */
export function xenFindings(root = ''): XenFinding[] {
  const check = { name: 'xen', need: 'xen ports: guests of Xen whose driver domain this is' }
  if (!isXen(root)) return [{ ...check, ok: false, found: 'this system is no domain of Xen', remedy: '' }]
  const missing = Object.keys(DEVICES).filter((path) => !existsSync(root + path))
  const modules = missing.map((path) => DEVICES[path])
  // Two backends would both answer for the same vifs.
  const isTaken = existsSync(`${root}/sys/module/xen_netback`)
  return [
    {
      ...check,
      ok: missing.length === 0,
      found:
        missing.length === 0 ? 'grants, events and xenstore can be reached' : `${missing.join(', ')} missing`,
      remedy: `modprobe -a ${modules.join(' ')}`,
    },
    {
      name: 'xen vifs',
      need: 'xen ports: one backend for the vifs of this domain',
      ok: !isTaken,
      found: isTaken ? "the kernel's netback is loaded and takes them" : "the kernel's netback is not loaded",
      remedy:
        'rmmod xen-netback, and keep it away: echo "blacklist xen-netback" >/etc/modprobe.d/ringferry.conf',
    },
  ]
}
