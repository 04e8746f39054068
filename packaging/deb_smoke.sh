#!/usr/bin/env bash
# Installs the Debian package in a fresh Debian 12, uses it there, purges it: make deb-smoke.
# Needs root, debootstrap and Debian's archive. Nothing outside a temporary folder is changed.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$(ls build/deb/bmtick_*.deb)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" = 0 ] || { echo "deb-smoke: run it as root (debootstrap, chroot)" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "deb-smoke: apt-get install debootstrap" >&2; exit 2; }

root=$(mktemp -d -t bmtick-deb-smoke-XXXXXX)
chmod 755 "$root"
trap 'rm -rf --one-file-system "$root"' EXIT

# /proc is mounted in a namespace of its own, so that nothing stays mounted whatever happens.
inside() {
    unshare --mount --propagation private sh -c '
        root=$1; shift
        mount -t proc proc "$root/proc"
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" "$@"
}

said=/dev/null
step() { printf '%-9s %s\n' "$1" "${*:2}"; }
fail() { echo "deb-smoke: $*" >&2; [ ! -s "$said" ] || tail -n 40 "$said" >&2; exit 1; }

# wants STATUS TEXT COMMAND...: the command ends so, and says TEXT on stdout or stderr.
wants() {
    local status=$1 text=$2 code=0
    shift 2
    inside "$@" >"$said" 2>&1 </dev/null || code=$?
    [ "$code" = "$status" ] || fail "'$*' ended with $code, not with $status"
    [ -z "$text" ] || grep -qF -- "$text" "$said" || fail "'$*' does not say '$text'"
    ! grep -q "Traceback" "$said" || fail "'$*' shows a traceback"
    step ok "$*"
}

# What is there, but for caches, logs and the packagers' own lists.
files() {
    (cd "$root" && find . -xdev \
        \( -path ./proc -o -path ./tmp -o -path ./root -o -path ./var/cache -o -path ./var/log \
        -o -path ./var/lib/apt -o -path ./var/lib/dpkg \) -prune -o -print) | LC_ALL=C sort
}

debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"
step done "debootstrap of Debian 12"
cp /etc/resolv.conf "$root/etc/resolv.conf"
said=$root/tmp/said
inside apt-get update -qq
# Dependencies first: what they leave behind is theirs.
inside apt-get satisfy -qq -y --no-install-recommends "$(dpkg-deb -f "$package" Depends)" \
    >"$said" 2>&1 || fail "dependencies"
step done "$(grep -c '^Setting up' "$said") packages that it depends on"
inside apt-get satisfy -qq -y --no-install-recommends "$(dpkg-deb -f "$package" Recommends)" \
    >"$said" 2>&1 || fail "what it recommends"
files >"$root/tmp/before"
cp "$package" "$root/tmp/bmtick.deb"
inside apt-get install -qq -y --no-install-recommends /tmp/bmtick.deb >"$said" 2>&1 || fail "install"
[ "$(grep -c '^Setting up' "$said")" = 1 ] || fail "the package has hidden dependencies"
step done "install"

log=/tmp/demo/mail.log
wants 0 "bmtick, version" bmtick --version
wants 0 "The account to blame: p.martin@example.org" bmtick demo -o /tmp/demo
wants 0 "" bmtick render postfix_queue --set crit=200 -o /tmp/postfix_queue.tick
wants 0 "" bmtick check /tmp/postfix_queue.tick
wants 1 "error" sh -c "sed 's/crit/crot/' /tmp/postfix_queue.tick > /tmp/wrong.tick; bmtick check /tmp/wrong.tick"
wants 0 "postfix_sender,user=p.martin@example.org" bmtick collect --log $log --from-start --no-state
wants 0 "p.martin@example.org: first suspicious" bmtick suspects --log $log
wants 0 "192.0.2.111" bmtick relays --log $log
wants 0 "wrote /tmp/report.html" bmtick report --log $log -o /tmp/report.html
grep -q "plotly.js v" "$root/tmp/report.html" || fail "the report has no plots"
wants 0 "wrote /etc/bmtick/bmtick.toml" bmtick init -o /etc/bmtick/bmtick.toml
wants 2 "no recipient is named" bmtick watch --once --log $log --mails /tmp/mails
wants 0 "" sed -i 's/^# recipients = .*/recipients = ["root@example.org"]/' /etc/bmtick/bmtick.toml
wants 0 "events" bmtick watch --once --log $log --mails /tmp/mails
[ -f "$root/var/lib/bmtick/watch.state" ] || fail "no state in /var/lib/bmtick"
ls "$root"/tmp/mails/*.eml >/dev/null || fail "no alert mail was written"
wants 0 "" sh -c "printf '[web]\nlisten = \"127.0.0.1:8089\"\n' >>/etc/bmtick/bmtick.toml"
wants 124 "the page is at http://127.0.0.1:8089/" timeout 10 bmtick watch --no-state --log $log --mails /tmp/mails
wants 0 "" python3 -c "import sys; sys.path.insert(0, '/usr/lib/bmtick'); import apprise"
wants 0 "" bmtick lsp
wants 2 "cannot reach Kapacitor" bmtick plan
wants 1 "-> " bmtick doctor
wants 0 "/usr/bin/bmtick" bmtick telegraf

for page in bmtick bmtick-watch bmtick-suspects; do
    zcat "$root/usr/share/man/man1/$page.1.gz" | grep -q '^\.SH' || fail "no man page $page"
done
step ok "man pages: $(find "$root/usr/share/man/man1" -name 'bmtick*' | wc -l)"
wants 0 "bmtick" bash -c "source /usr/share/bash-completion/completions/bmtick; complete -p bmtick"
wants 0 "suspects" bash -c "COMP_WORDS='bmtick susp' COMP_CWORD=1 _BMTICK_COMPLETE=bash_complete bmtick"
[ -f "$root/lib/systemd/system/bmtick-watch.service" ] || fail "no systemd unit"
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/bmtick-watch.service" ] ||
    fail "the unit is enabled without having been asked"
step ok "systemd unit, not enabled"

inside apt-get purge -qq -y bmtick >"$said" 2>&1 || fail "purge"
left=$(comm -13 "$root/tmp/before" <(files))
[ -z "$left" ] || fail "purge leaves:"$'\n'"$left"
step ok "purge leaves nothing"
echo "deb-smoke: all is well"
