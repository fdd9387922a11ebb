import { afterAll, beforeAll, expect, it } from 'vitest'
import { XenGuest } from './host/guest.js'
import { RESULTS, XenMachine } from './host/machine.js'

let xen: XenMachine

beforeAll(async () => {
  xen = await XenMachine.boot(RESULTS)
})

afterAll(() => xen?.stop())

it("a guest reaches the driver domain by the kernel's netback when Xen runs", async () => {
  await xen.must(
    'insmod /lib/modules/$(uname -r)/kernel/drivers/net/xen-netback/xen-netback.ko && ' +
      'ip link add xenbr0 type bridge && ip link set xenbr0 up && ip addr add 10.9.0.1/24 dev xenbr0',
  )
  const guest = new XenGuest(xen, {
    name: 'kernel',
    type: 'pv',
    vifs: ['mac=00:16:3e:00:00:01,bridge=xenbr0'],
    channel: 0,
  })
  await guest.create()
  await guest.must('ip link set eth0 up && ip addr add 10.9.0.2/24 dev eth0')
  expect(await guest.must('ping -c 3 -w 30 10.9.0.1')).toContain('3 packets received')
})
