import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { expectError } from '../../test/support/expect-error.js'
import { openXenDevice } from './xen-device.js'

it('openXenDevice says what to do when the device is missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringferry-xen-device-'))
  try {
    expectError(() => openXenDevice(join(folder, 'gntdev')), 'NOT_FOUND', /gntdev is missing: .*doctor/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('openXenDevice names the call when the kernel refuses it otherwise', () => {
  expect(() => openXenDevice('/')).toThrow('opening /: EISDIR')
})
