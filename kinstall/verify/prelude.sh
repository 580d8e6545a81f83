# shellcheck shell=sh disable=SC2034,SC2154
# What each of verify's programs begins with, on a node and in a check pod.
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV KUBERC http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd /

# report FIELDS: a record of tab-separated fields; the plain lines after it belong to it.
report() { printf '\036%s\n' "$1" 2>/dev/null; }
read_uptime() { read -r uptime _ </proc/uptime; }
