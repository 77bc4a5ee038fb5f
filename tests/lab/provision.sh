#!/bin/sh
# provision.sh [peers|kamailio] - fetch the lab's programs from Debian into a
# private directory. Nothing is installed on the host, no service is started,
# no root is needed.
#
#   peers     (default) into root: Asterisk 22, SIPp, baresip, and the tools for
#             network namespaces
#   kamailio  into kamailio: Kamailio 5.6.3, what the bench compares with, and its
#             presence server
#
# apt downloads the packages and their dependencies with an apt state of its
# own; they are only unpacked, and run with the loader and the libraries that
# were unpacked with them.
#
# BELLHOP_LAB_DIR  where to put it    (default .lab in the repository)
# LAB_SUITE        Debian suite       (default sid, which has Asterisk 22; bookworm
#                                      for Kamailio)
# LAB_MIRROR       Debian mirror      (default: the one apt is configured with)
#
# Running it again does nothing when the same set is already there.
set -eu
. "$(dirname "$0")/common.sh"

case ${1:-peers} in
peers)
    LAB_SUITE=${LAB_SUITE:-sid}
    LAB_PACKAGES="asterisk sip-tester baresip-core iproute2 nftables"
    STAMP=$LAB_DIR/provisioned
    TRIAL="usr/sbin/asterisk -V"
    ;;
kamailio)
    LAB_ROOT=$LAB_DIR/kamailio
    LAB_SUITE=${LAB_SUITE:-bookworm}
    LAB_PACKAGES="kamailio kamailio-presence-modules"
    STAMP=$LAB_ROOT.provisioned
    TRIAL="usr/sbin/kamailio -v"
    ;;
*) die "no set $1: peers or kamailio" ;;
esac
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

WANT="$LAB_SUITE $LAB_PACKAGES"
if [ -d "$LAB_ROOT" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$WANT" ]; then
    say "already there: $LAB_ROOT ($LAB_SUITE)"
    exit 0
fi
for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || die "$tool is not here: the lab is made of Debian packages"
done

# The mirror: the first "main" Packages index that apt knows for this host's
# own release. Only a Debian host has one that carries the suite.
if [ -z "${LAB_MIRROR:-}" ]; then
    [ "$(. /etc/os-release; echo "${ID:-}")" = debian ] ||
        die "this host is not Debian: set LAB_MIRROR to a Debian mirror"
    release=$(. /etc/os-release; echo "${VERSION_CODENAME:-sid}")
    LAB_MIRROR=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v r="$release" '$2 == r && $3 == "main" { print $1; exit }')
    [ -n "$LAB_MIRROR" ] || die "apt knows no mirror for $release main: set LAB_MIRROR"
fi
say "Debian $LAB_SUITE from $LAB_MIRROR into $LAB_ROOT"

NEW=$LAB_ROOT.new
APT=$LAB_ROOT.apt
rm -rf "$NEW" "$STAMP"
mkdir -p "$NEW" "$APT/lists/partial" "$APT/cache/archives/partial"
: > "$APT/status"      # as if nothing were installed: all libraries are fetched
if [ -r "$KEYRING" ]; then opt="[signed-by=$KEYRING] "; else opt=; fi
echo "deb ${opt}$LAB_MIRROR $LAB_SUITE main" > "$APT/sources.list"
# Of the host's apt settings only those for fetching (proxies and so on);
# none of its hooks, none of its sources.
apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' > "$APT/apt.conf" || :
cat >> "$APT/apt.conf" <<-END
	Acquire::Retries "3";
	Acquire::Languages "none";
	Acquire::GzipIndexes "true";
	APT::Install-Recommends "false";
	APT::Sandbox::User "";
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "/dev/null";
	Dir::Etc::sourcelist "$APT/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State "$APT";
	Dir::State::lists "$APT/lists";
	Dir::State::status "$APT/status";
	Dir::Cache "$APT/cache";
	Dir::Log "$APT";
END
say "reading the package index"
APT_CONFIG=$APT/apt.conf apt-get -qq update
say "downloading $LAB_PACKAGES"
# shellcheck disable=SC2086  # a list of packages
APT_CONFIG=$APT/apt.conf apt-get -qq -y --download-only install $LAB_PACKAGES
say "unpacking $(ls "$APT"/cache/archives/*.deb | wc -l) packages"
for deb in "$APT"/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$NEW"
done
# A merged /usr, as the package base-files would have made it. Older suites
# have files of their own below /lib.
for d in bin sbin lib lib64; do
    if [ -d "$NEW/$d" ] && [ ! -L "$NEW/$d" ]; then
        mkdir -p "$NEW/usr/$d"
        cp -a "$NEW/$d/." "$NEW/usr/$d/"
        rm -r "${NEW:?}/$d"
    fi
    [ -e "$NEW/$d" ] || ln -s "usr/$d" "$NEW/$d"
done
# A link that a package's postinst would have made by update-alternatives.
[ ! -d "$NEW/usr/share/asterisk" ] || [ -e "$NEW/usr/share/asterisk/sounds/en" ] || {
    s=$(cd "$NEW/usr/share/asterisk/sounds" && ls -d en_*_* | head -n 1)
    ln -sfn "$s" "$NEW/usr/share/asterisk/sounds/en"
}
(cd "$NEW/usr/share" && rm -rf doc man info locale lintian)
rm -rf "$APT" "$LAB_ROOT"
mv "$NEW" "$LAB_ROOT"

lab_find_loader
# shellcheck disable=SC2086  # a program and its option
(lab_exec $TRIAL) | head -n 1
echo "$WANT" > "$STAMP"
say "ready: $LAB_ROOT, $(du -sh "$LAB_ROOT" | cut -f1)"
