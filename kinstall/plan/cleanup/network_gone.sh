# shellcheck shell=sh
# Takes away what a third-party pod network left, as far as it differs from everything else: links that came since
# network_look.sh and have an address of $PODS (CIDR), routes to there, files in the CNI's folders and in paths that the
# manifest mounts which came since, and chains of the networks that are known by name. Tables of nftables, `ip rule`s
# and eBPF programs stay: nothing in them says where they come from.
#
# Set before: SAVED, CNI_FOLDERS, PODS.
[ -e "$SAVED/links" ] || exit 0
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
for folder in $CNI_FOLDERS; do
  grep -qxF "$folder" "$SAVED/seen" || continue
  for file in "$folder"/* "$folder"/.[!.]*; do
    [ -e "$file" ] || [ -h "$file" ] || continue
    grep -qxF -- "$file" "$SAVED/cni" || rm -rf --one-file-system -- "$file"
  done
done
while read -r what path; do
  case $what in
  tree)
    while read -r _ mount _; do
      case $mount in "$path" | "$path"/*) printf '%s\n' "$mount" ;; esac
    done </proc/mounts | sort -r | while IFS= read -r mount; do
      umount -l "$(printf '%b' "$mount")" 2>/dev/null || :
    done
    rm -rf --one-file-system -- "$path"
    ;;
  folder) rmdir -- "$path" 2>/dev/null || : ;;
  esac
done <"$SAVED/absent"
