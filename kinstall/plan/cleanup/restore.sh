# shellcheck shell=sh
# Puts back what save.sh remembered. The kubelet's and the plugins' chains go, and so do the tables that only they had
# filled.
#
# Set before: SAVED, ONLINE_UNITS.
drop_chains 'KUBE-|CNI-'
if [ -e "$SAVED/tables" ]; then
  nft list tables 2>/dev/null | while IFS= read -r table; do
    case ${table##* } in nat | filter | mangle) ;; *) continue ;; esac
    grep -qxF "$table" "$SAVED/tables" && continue
    # Only a table of empty chains is taken away: any other line in it is another's rule.
    # shellcheck disable=SC2086 # `table ip nat` is three words
    rules=$(nft list $table 2>/dev/null | grep -vE '^(table |#|\})|^[[:space:]]*(chain .*|type .* hook .*|\})?$') || :
    # shellcheck disable=SC2086
    [ -n "$rules" ] || nft delete $table || :
  done
fi
if [ -e "$SAVED/sysctls" ]; then
  while IFS='=' read -r key value; do
    file=/proc/sys/$(printf %s "$key" | tr . /)
    [ "$(cat "$file" 2>/dev/null)" = "$value" ] || printf '%s\n' "$value" >"$file" 2>/dev/null || :
  done <"$SAVED/sysctls"
fi
if [ -e "$SAVED/waiting" ]; then
  for unit in $ONLINE_UNITS; do
    ! systemctl is-active -q "$unit" || grep -qx "$unit" "$SAVED/waiting" || systemctl stop "$unit" || :
  done
fi
rm -rf "$SAVED"
