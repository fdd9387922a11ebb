# Second part of the driver domain's start, in the host's own files: Xen's toolstack, then the agent that the test speaks with.
export PATH=/usr/lib/xen-4.17/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
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
serial=${1%1}
ln -s "$serial"2 /run/channel0
ln -s "$serial"3 /run/channel1
sh /run/agent.sh /run/agent <>"$1" >&0
sync
echo o >/proc/sysrq-trigger
sleep 60
