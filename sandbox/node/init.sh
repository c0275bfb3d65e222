#!/bin/sh
# First process of the node: sets up root and network, then only reaps processes.
# It runs in new mount, network, PID, IPC and UTS namespaces. When it ends, everything that it created disappears.
set -eu
tree=$1 folder=$2 cache=$3 address=$4

cd "$folder"
mkdir -p root overlay/upper overlay/work
mount -t overlay overlay -o "lowerdir=$tree,upperdir=overlay/upper,workdir=overlay/work" root
cd root
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
for path in "$folder" "$cache"; do
    mkdir -p ".$path"
    mount --bind "$path" ".$path"
done
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mkdir -p before
pivot_root . before
umount -l /before

# A kubelet sets these for the whole machine. Here it sets copies.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    mkdir -p "/run/sysctl/${name%/*}"
    cat "/proc/sys/$name" >"/run/sysctl/$name"
    mount --bind "/run/sysctl/$name" "/proc/sys/$name"
done

hostname node
echo "nameserver 10.0.2.3" >/etc/resolv.conf # slirp4netns answers there
ip link set lo up
ip addr add "$address/32" dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward
nft add table ip egress
nft add chain ip egress out '{ type nat hook postrouting priority srcnat; }'
nft add rule ip egress out oifname tap0 masquerade

exec dumb-init sleep infinity
