# shellcheck shell=sh
# Undo of kube-proxy: its tables of nftables, and its chains of iptables.
for family in ip ip6; do nft delete table "$family" kube-proxy 2>/dev/null || :; done
drop_chains KUBE-
