# shellcheck shell=sh disable=SC2034,SC2154
# call_api CHECK URL CA CLIENT: with curl, which takes a tenth of kubectl's time, where the node has it. The client's
# certificate and key are CLIENT.crt and CLIENT.key, for API servers that refuse the anonymous.
call_api() {
  read_uptime; began=$uptime
  if command -v curl >/dev/null 2>&1; then
    output=$(curl -sS -m 10 --noproxy '*' --cacert "$3" --cert "$4.crt" --key "$4.key" \
      -w '\n%{http_code}' "$2" 2>&1)
  else
    output=$(ask_api --server="${2%/*}" get --raw="/${2##*/}" 2>&1) && output="$output
200"
  fi
  read_uptime; report "api	$1	$2	$began	$uptime"
  printf '%s\n' "$output"
}
