# shellcheck shell=sh disable=SC2034,SC2154
# call_kube_proxy URL: its health check's answer, and the HTTP status on the last line.
call_kube_proxy() {
  read_uptime; began=$uptime
  if command -v curl >/dev/null 2>&1; then
    output=$(curl -sS -m 5 --noproxy '*' -w '\n%{http_code}' "$1" 2>&1)
  elif command -v wget >/dev/null 2>&1; then
    output=$(wget --no-proxy -T 5 -t 1 -O - "$1" 2>&1) && output="$output
200"
  else
    output=unknown
  fi
  read_uptime; report "healthz	$began	$uptime"
  printf '%s\n' "$output"
}
