#!/bin/bash
# Boots the systemd that is installed here, as process 1 of namespaces of its own, on an overlay over the root file system: what is
# installed and changed there is in memory, and gone with it. Prints "pid N", the manager's process; ends when standard input does.
#
#   this shell (mount namespace, cgroup)  ->  unshare (mount, pid, net, ... namespaces)  ->  pivot_root  ->  systemd
set -eu
if [ "${1-}" != inside ]; then
  [ "${1-}" = private ] || exec unshare --mount --propagation private "$0" private
  work=$(mktemp -d)
  groups=$work/groups
  mkdir "$groups" "$work/root"
  mount -t cgroup2 cgroup2 "$groups"
  group=$groups/ringferry-systemd-$$
  mkdir "$group"
  echo $$ >"$group/cgroup.procs"
  unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup --propagation private \
    "$0" inside "$work/root" </dev/null >&2 &
  namespaces=$!
  until pid=$(pgrep -P $namespaces); do
    kill -0 $namespaces
    sleep 0.1
  done
  echo "pid $pid"
  cat >/dev/null
  kill -KILL "$pid" || true
  wait $namespaces || true
  echo $$ >"$groups/cgroup.procs"
  find "$group" -depth -type d -exec rmdir {} ';'
  umount "$groups"
  rmdir "$groups" "$work/root" "$work"
  exit
fi

room=$2
mount -t tmpfs -o size=2g tmpfs "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" "$room/root"
cd "$room/root"
mount -t proc proc proc
for folder in run tmp dev var/tmp var/log root home; do mount -t tmpfs tmpfs "$folder"; done
mkdir dev/net dev/pts dev/shm
for device in null zero full random urandom tty net/tun; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
# None of the services of the machine below.
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires etc/systemd/system/ringferry*
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
hostname sandbox
ip link set lo up
mkdir -p mnt/below
pivot_root . mnt/below
umount -l /mnt/below
exec env -i container=ringferry PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=multi-user.target --log-target=journal --log-level=warning
