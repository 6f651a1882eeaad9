#!/bin/sh
# What attach is compared with: a tap with a port of a bridge, a filter of its source and a rule, by commands.
#   attach_by_commands.sh TAP BRIDGE MAC ADDRESS
# The table `bench` of family bridge with the chain `forward` is there already. Inside the network namespace.
set -eu
ip tuntap add dev "$1" mode tap vnet_hdr
ip link set "$1" address "$3" mtu 1500 master "$2" up
tc qdisc add dev "$1" clsact
tc filter add dev "$1" ingress protocol ip pref 1 u32 match ip src "$4" flowid 1:1
nft add rule bridge bench forward iifname "$1" ip saddr "$4" accept
