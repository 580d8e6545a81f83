#!/bin/sh
# kinstall: this node's end of the overlay network: one VXLAN device (RFC 7348) with planned entries, and no daemon.
#
# /etc/kinstall/overlay holds a line "own POD_RANGE NODE_ADDRESS MAC MTU" for this node, and a line
# "POD_RANGE NODE_ADDRESS MAC" per peer. A peer's pods are reached through the first address of its range: a neighbour
# entry leads from there to the MAC of the peer's device, a forwarding entry from that to the peer's address.
#
#   up      make the device and set what is missing or differs, remove what is no longer listed
#   check   say what differs; exit 1 if something does
#   down    remove the device, and all of it with it

list=${KINSTALL_OVERLAY:-/etc/kinstall/overlay}
device=kinstall-vxlan
vni=1
port=8472
proto=57

read_own() {
    while read -r word range address mac mtu _; do
        [ "$word" = own ] && return 0
    done <"$list"
    echo "$list has no line for this node" >&2
    return 1
}

wanted() {
    while read -r range via to _; do
        case $range in '' | '#'* | own) continue ;; esac
        echo "fdb $to $via"
        echo "neigh ${range%/*} $to"
        echo "route $range ${range%/*}"
    done <"$list"
}

present() {
    bridge fdb show dev "$device" | while read -r to word via _; do
        [ "$word" != dst ] || echo "fdb $to $via"
    done
    ip -4 neigh show dev "$device" nud permanent | while read -r hop _ to _; do
        echo "neigh $hop $to"
    done
    ip -4 route show dev "$device" proto "$proto" | while read -r range word hop _; do
        [ "$word" != via ] || echo "route $range $hop"
    done
}

# Whether the lines in $1 hold the line $2.
holds() {
    case "
$1
" in *"
$2
"*) return 0 ;; esac
    return 1
}

# Whether the device is there, up, and as the own line says.
made() {
    text=$(ip -d -o link show dev "$device" 2>/dev/null) || return 1
    for each in "mtu $mtu" "link/ether $mac" "vxlan id $vni" "local $address" "dstport $port" nolearning; do
        case "$text " in *" $each "*) ;; *) return 1 ;; esac
    done
    case $text in *[\<,]UP[\>,]*) ;; *) return 1 ;; esac
    case $(ip -4 -o address show dev "$device") in *" ${range%/*}/32 "*) return 0 ;; esac
    return 1
}

make() {
    ip link del "$device" 2>/dev/null
    ip link add "$device" address "$mac" mtu "$mtu" type vxlan id "$vni" local "$address" dstport "$port" nolearning &&
        { ip link set "$device" addrgenmode none 2>/dev/null || true; } &&
        ip -4 address add "${range%/*}/32" dev "$device" &&
        ip link set "$device" up
}

add() {
    case $1 in
    fdb) bridge fdb replace "$2" dev "$device" dst "$3" self permanent ;;
    neigh) ip -4 neigh replace "$2" lladdr "$3" dev "$device" nud permanent ;;
    route) ip -4 route replace "$2" via "$3" dev "$device" onlink proto "$proto" ;;
    esac
}

remove() {
    case $1 in
    fdb) bridge fdb del "$2" dev "$device" dst "$3" self ;;
    neigh) ip -4 neigh del "$2" dev "$device" ;;
    route) ip -4 route del "$2" via "$3" dev "$device" proto "$proto" ;;
    esac 2>/dev/null
}

up() {
    read_own || return 1
    made || make || return 1
    failed=0
    lines=$(wanted)
    # What goes first: a peer's new address takes the place of its old one.
    present | while read -r line; do
        holds "$lines" "$line" || remove $line
    done
    now=$(present)
    while read -r line; do
        [ -z "$line" ] || holds "$now" "$line" || add $line || failed=1
    done <<END
$lines
END
    return "$failed"
}

check() {
    read_own || return 1
    made || { echo "the device $device is not as planned"; return 1; }
    differs=0
    lines=$(wanted)
    now=$(present)
    while read -r line; do
        [ -z "$line" ] || holds "$now" "$line" || { echo "missing: $line"; differs=1; }
    done <<END
$lines
END
    while read -r line; do
        [ -z "$line" ] || holds "$lines" "$line" || { echo "of no peer: $line"; differs=1; }
    done <<END
$now
END
    return "$differs"
}

case ${1-} in
up | check) "$1" ;;
down) ip link del "$device" 2>/dev/null || true ;;
*)
    echo "usage: $0 up|check|down" >&2
    exit 2
    ;;
esac
