#!/bin/busybox sh
# First program of a guest: its NICs, then the agent on its console.
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
