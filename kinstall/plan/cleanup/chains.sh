# shellcheck shell=sh
# drop_chains REGEX: takes away what names such a chain in the tables of iptables and ip6tables; other rules stay as
# they are, and where there is none nothing is written.
drop_chains() {
  for program in iptables ip6tables; do
    command -v "$program" >/dev/null 2>&1 || continue
    "$program-save" 2>/dev/null | grep -qE "$1" || continue
    "$program-save" 2>/dev/null | grep -vE "$1" | "$program-restore" || :
  done
}
