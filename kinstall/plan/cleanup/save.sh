# shellcheck shell=sh
# Remembers the sysctls and the packet filter's tables as they were before anything was started, and which of the units
# that wait for the network were active. What was saved once keeps its first answer.
#
# Set before: SAVED, SYSCTLS, ONLINE_UNITS.
umask 077
mkdir -p "$SAVED"
[ -e "$SAVED/sysctls" ] || {
  for key in $SYSCTLS; do
    file=/proc/sys/$(printf %s "$key" | tr . /)
    [ ! -r "$file" ] || printf '%s=%s\n' "$key" "$(cat "$file")"
  done >"$SAVED/new" && mv "$SAVED/new" "$SAVED/sysctls"
}
[ -e "$SAVED/tables" ] || nft list tables >"$SAVED/tables" 2>/dev/null || :
[ -e "$SAVED/waiting" ] || for unit in $ONLINE_UNITS; do
  ! systemctl is-active -q "$unit" || echo "$unit"
done >"$SAVED/waiting"
