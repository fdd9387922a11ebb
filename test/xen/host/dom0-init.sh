#!/bin/busybox sh
# First program of the driver domain: mounts the host's root read-only under a writable layer, with Xen's files
# above it, and goes on there.
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
