import { test } from 'vitest'
import { XenMachine } from './host/machine.js'
import { XenGuest } from './host/guest.js'
test('try', async () => {
  const t0 = Date.now()
  const say = (...w: unknown[]) => console.log(((Date.now() - t0) / 1000).toFixed(1), ...w)
  const m = await XenMachine.boot('/tmp/xenres')
  try {
    say('up', await m.must('xl info | head -5; xl list; ls /dev/xen; free -m'))
    await m.must('insmod /lib/modules/$(uname -r)/kernel/drivers/net/xen-netback/xen-netback.ko; ip link add xenbr0 type bridge; ip link set xenbr0 up; ip addr add 10.9.0.1/24 dev xenbr0')
    const g = new XenGuest(m, { name: 'g1', type: 'pv', vifs: ['mac=00:16:3e:00:00:01,bridge=xenbr0'], channel: 0 })
    await g.create().catch(async (e) => { say(String(e)); say((await m.agent.run('xl list; xenstore-ls /local/domain; cat /var/log/xen/*.log; dmesg | tail')).stdout) ; throw e})
    say('guest up', await g.must('ip addr; uname -a'))
    say(await g.must('ip link set eth0 up; ip addr add 10.9.0.2/24 dev eth0; ping -c 5 10.9.0.1'))
    say(await m.must('xenstore-ls /local/domain/0/backend; xenstore-ls /local/domain/1/device'))
  } finally { await m.stop(); say('stopped') }
}, 600000)
