#!/bin/sh
# netns.sh - a small network of namespaces for tests with NAT. Needs root.
#
#   netns.sh up | down
#
#      phone ------------- nat --------------- edge ------------- pbx
#   10.77.1.2   .1.1 (NAT) .2.1    10.77.2.2       10.77.3.1   10.77.3.2
#     private side           public side            the PBX's side
#
# phone is behind nat, which rewrites its source address (masquerade) and lets
# nothing in unasked. edge is where the proxy runs: its two addresses are on
# two networks, and it does not forward between them. The names of the
# namespaces have the prefix LAB_NS (default lab) so that runs do not collide.
#
# NAT_KIND=masquerade (default: ports kept where free) or random (a new source
# port for each flow, as symmetric NATs do)
set -eu
. "$(dirname "$0")/common.sh"
P=${LAB_NS:-lab}
NAT_KIND=${NAT_KIND:-masquerade}

# The host's tools, else the lab's.
tool() {
    t=$1; shift
    if [ -x "/usr/sbin/$t" ]; then "/usr/sbin/$t" "$@"; else "$(dirname "$0")/run.sh" "usr/sbin/$t" "$@"; fi
}
ip() { tool ip "$@"; }

link() { # link NS1 DEV1 ADDR1 NS2 DEV2 ADDR2
    ip link add "$2" netns "$P-$1" type veth peer name "$5" netns "$P-$4"
    ip -n "$P-$1" addr add "$3" dev "$2"; ip -n "$P-$1" link set "$2" up
    ip -n "$P-$4" addr add "$6" dev "$5"; ip -n "$P-$4" link set "$5" up
}

down() {
    for n in phone nat edge pbx; do
        [ ! -e "/run/netns/$P-$n" ] || ip netns del "$P-$n"
    done
}

up() {
    [ "$(id -u)" = 0 ] || die "needs root"
    down
    for n in phone nat edge pbx; do ip netns add "$P-$n"; ip -n "$P-$n" link set lo up; done
    link phone eth0 10.77.1.2/24 nat inside 10.77.1.1/24
    link nat outside 10.77.2.1/24 edge wan 10.77.2.2/24
    link edge lan 10.77.3.1/24 pbx eth0 10.77.3.2/24
    ip -n "$P-phone" route add default via 10.77.1.1
    ip netns exec "$P-nat" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
    ip netns exec "$P-edge" sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'
    case $NAT_KIND in
        masquerade) flag= ;;
        random) flag=fully-random ;;
        *) die "NAT_KIND is masquerade or random" ;;
    esac
    nft=/usr/sbin/nft
    [ -x "$nft" ] || nft="$(dirname "$0")/run.sh usr/sbin/nft"
    # shellcheck disable=SC2086  # a program and its argument
    ip netns exec "$P-nat" $nft -f - <<-END
	table ip lab {
	    chain post { type nat hook postrouting priority srcnat;
	        oifname "outside" masquerade $flag
	    }
	    chain forwarding { type filter hook forward priority filter; policy drop;
	        iifname "inside" accept
	        ct state established,related accept
	    }
	}
	END
    say "phone 10.77.1.2 -> nat ($NAT_KIND) -> edge 10.77.2.2 | 10.77.3.1 -> pbx 10.77.3.2"
}

case ${1:-} in
up) up ;;
down) down ;;
*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; exit 2 ;;
esac
