import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { xenFindings } from './xen-checks.js'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ringferry-xen-checks-'))
})

afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

it('xenFindings asks for nothing when this system is no domain of Xen', () => {
  expect(xenFindings(root)).toMatchObject([{ ok: false, remedy: '' }])
})

it('xenFindings names the modules of the devices that are missing', () => {
  put('/sys/hypervisor/type', 'xen\n')
  put('/dev/xen/xenbus')
  expect(xenFindings(root)[0]).toMatchObject({ ok: false, remedy: 'modprobe -a xen-gntdev xen-evtchn' })
})

it("xenFindings tells when the kernel's netback takes the vifs", () => {
  for (const name of ['xenbus', 'gntdev', 'evtchn']) put(`/dev/xen/${name}`)
  put('/sys/hypervisor/type', 'xen\n')
  expect(xenFindings(root).map(({ ok }) => ok)).toEqual([true, true])
  put('/sys/module/xen_netback/refcnt')
  expect(xenFindings(root)[1]).toMatchObject({ ok: false })
})
