# shellcheck shell=sh
# Takes away what a third-party pod network left, as far as it differs from everything else: links that came since
# network_look.sh and have an address of $PODS (CIDR), routes to there, files in the CNI's folders and in paths that the
# manifest mounts which came since, and chains of the networks that are known by name. Tables of nftables, `ip rule`s
# and eBPF programs stay: nothing in them says where they come from.
#
# What was noted before is forgotten only when all of it was taken away.
#
# Set before: SAVED, CNI_FOLDERS, PODS.
[ -e "$SAVED/links" ] || exit 0
left=0
ip -4 -o address show to "$PODS" 2>/dev/null | while read -r _ name _; do
  if grep -qxF -- "$name" "$SAVED/links"; then continue; fi
  # A pod's link goes with its network namespace, which may take a while.
  ip -o link show master "$name" type veth 2>/dev/null | while IFS=': @' read -r _ port _; do
    ip link delete "$port" 2>/dev/null || :
  done
  ip link delete "$name" 2>/dev/null || :
done
ip -4 route flush root "$PODS" 2>/dev/null || :
drop_chains 'FLANNEL-|cali-|CILIUM_'

# remove_new PATH: what was not there before. A link goes alone.
remove_new() { if [ -h "$1" ]; then rm -f -- "$1"; else remove_tree "$1"; fi; }

for folder in $CNI_FOLDERS; do
  grep -qxF "$folder" "$SAVED/seen" || continue
  for file in "$folder"/* "$folder"/.[!.]*; do
    [ -e "$file" ] || [ -h "$file" ] || continue
    grep -qxF -- "$file" "$SAVED/cni" || remove_new "$file" || left=1
  done
done
while read -r what path; do
  case $what in
  tree) remove_new "$path" || left=1 ;;
  folder) rmdir -- "$path" 2>/dev/null || : ;;
  esac
done <"$SAVED/absent"
[ $left = 0 ] && rm -f "$SAVED/links" "$SAVED/cni" "$SAVED/seen" "$SAVED/absent"
