/** First programs of the domains of an emulated Xen. Each is the text of a shell script. */

/** Of the driver domain: its drivers, then a root made of the host's files and Xen's, and on to DOM0_ROOT there. */
export const DOM0_INIT = `#!/bin/busybox sh
/bin/busybox --install -s /busybox
export PATH=/busybox
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for module in $(cat /module-order); do
  insmod "/modules/$module.ko" || echo "dom0: module $module cannot be loaded" >/dev/hvc0
done
mkdir -p /host /xen /top /root
for name in host xen; do
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 "$name" "/$name" || echo "dom0: no $name" >/dev/hvc0
done
mount -t tmpfs tmpfs /top
mkdir /top/upper /top/work
mount -t overlay -o "lowerdir=/xen:/host,upperdir=/top/upper,workdir=/top/work" overlay /root ||
  echo 'dom0: no overlay' >/dev/hvc0
mount -t devtmpfs devtmpfs /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts -o ptmxmode=666 devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t xenfs xenfs /root/proc/xen
mount -t tmpfs tmpfs /root/run
mount -t tmpfs tmpfs /root/tmp
mkdir -p /root/run/lock /root/mnt/results
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 results /root/mnt/results
cp /agent.sh /dom0-root.sh /root/run
exec chroot /root /bin/sh /run/dom0-root.sh
`

/** The second part of it, in the host's own files: Xen's toolstack, then the agent that the host speaks with. */
export const DOM0_ROOT = `export PATH=/usr/lib/xen-4.17/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
exec 2>/mnt/results/dom0-start.log
set -x
hostname dom0
ip link set lo up
mkdir -p /run/xen /run/xenstored /var/lib/xen /var/log/xen/console
# In the foreground of a shell that says how it ended: nothing works without it.
{ xenstored --no-fork --pid-file /run/xen/xenstored.pid; echo "xenstored ended: $?" >&2; } &
until [ -e /run/xenstored/socket ]; do sleep 0.1; done
xen-init-dom0
xenconsoled --log=guest --log-dir=/mnt/results --pid-file=/run/xen/xenconsoled.pid
set +x
# The number of the virtio device differs from machine to machine; ports are numbered from 1.
until set -- /dev/vport*p1 && [ -e "$1" ]; do sleep 0.1; done
serial=\${1%1}
ln -s "$serial"2 /run/channel0
ln -s "$serial"3 /run/channel1
sh /run/agent.sh /run/agent <>"$1" >&0
sync
echo o >/proc/sysrq-trigger
sleep 60
`

/** Of a guest: its NICs, then the agent on its console. */
export const DOMU_INIT = `#!/bin/busybox sh
/bin/busybox --install -s /busybox
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/busybox HOME=/tmp TMPDIR=/tmp
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
for module in $(cat /module-order); do
  insmod "/modules/$module.ko"
done
ip link set lo up
stty -F /dev/hvc0 raw -echo
sh /agent.sh /run/agent <>/dev/hvc0 >&0
echo o >/proc/sysrq-trigger
sleep 60
`
