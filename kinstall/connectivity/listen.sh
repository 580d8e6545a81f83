# shellcheck shell=sh disable=SC2016,SC2086,SC2154 # what is set before, and words of $drop
# Listens on what the cluster will listen on, until its input ends: that is when the operator has had enough, or the
# connection is gone. Nothing but systemd and coreutils is needed. A listener is systemd-socket-activate, which turns
# into `sleep` at the first connection: the kernel goes on answering, and nobody has to accept anything. On the ports
# in `fill` a line is read from each connection and answered, if it begins with this run's token; of datagrams, too,
# only those with the token are printed. Anyone on the network may send: what is read is bounded in bytes, time and
# number, and where util-linux is complete the listeners run as a user that nothing else runs as. Set before: ip, hex
# (the address as /proc/net has it), tcp, fill, udp (ports), seconds, token, bytes (of a line), datagrams, processes.
# In braces, so that a shell that reads the program from its standard input has read all of it first.
{
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
LC_ALL=C
export LC_ALL PATH
echo 'kinstall-listen 1'

# Whether anything listens: PROTOCOL PORT, on this address or on all.
taken() {
  case $1 in tcp) state=0A ;; *) state=07 ;; esac
  grep -qsE ": ($hex|0{8}|0{32}|0{16}FFFF0000$hex):$(printf %04X "$2") [0-9A-F]+:0000 $state " "/proc/net/$1" "/proc/net/${1}6"
}

drop=
command -v setpriv >/dev/null && command -v prlimit >/dev/null &&
  drop="prlimit --nproc=$processes setpriv --reuid=65533 --regid=65533 --clear-groups --no-new-privs"
export token bytes datagrams

# A backstop: should anything keep the end of the input from being noticed, they end by themselves.
pids=
trap 'kill $pids 2>/dev/null' EXIT
own=
for port in $tcp; do
  taken tcp "$port" && continue
  case " $fill " in
    *" $port "*)
      timeout "$seconds" $drop systemd-socket-activate -a --inetd -E token -E bytes -l "$ip:$port" \
        bash -c 'read -rt 5 -n "$bytes" line; [[ $line == "$token "* ]] && echo "ok $token"' ;;
    *) timeout "$seconds" $drop systemd-socket-activate -l "$ip:$port" sleep "$seconds" ;;
  esac </dev/null >/dev/null 2>&1 &
  pids="$pids $!" own="$own tcp/$port"
done
for port in $udp; do
  taken udp "$port" && continue
  # Each datagram of this run is a line of the output. dd reads one at a time, and ends after as many as there may be.
  timeout "$seconds" $drop systemd-socket-activate -d -E token -E datagrams -E "port=$port" -l "$ip:$port" sh -c '
    ulimit -v 262144
    dd bs=16384 count=$datagrams status=none <&3 | grep -ao --line-buffered "$token [a-z0-9.-]* [a-z]*"
    echo "flooded udp $port"' </dev/null 2>/dev/null &
  pids="$pids $!" own="$own udp/$port"
done

round=0
while [ $round -lt 30 ]; do
  missing=
  for each in $own; do taken "${each%/*}" "${each#*/}" || missing=1; done
  [ -n "$missing" ] || break
  round=$((round + 1))
  sleep 0.1
done
for port in $tcp; do taken tcp "$port" && echo "listens tcp $port"; done
for port in $udp; do taken udp "$port" && echo "listens udp $port"; done
for each in $own; do echo "own ${each%/*} ${each#*/}"; done
command -v systemd-socket-activate >/dev/null || echo 'missing systemd-socket-activate'
echo ready

cat >/dev/null
# shellcheck disable=SC2086 # a list of numbers
kill $pids
wait
echo end
} 2>/dev/null
