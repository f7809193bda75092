# shellcheck shell=sh
#
# What the project's shell scripts share: messages, packages, building out of tree. Sourced, never run; the
# sourcing script sets SLUICE_SOURCE, the top of the checkout, first.

# Where Debian keeps servers; not on the path of an ordinary user.
PATH=$PATH:/usr/sbin:/sbin
export PATH

say() {
    printf '%s\n' "$*"
}

# One line on standard error, status 1.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# packages_of GROUP...: the names that etc/packages lists for the groups, one a line.
packages_of() {
    for group; do
        sed -n "s/^$group: *//p" "$SLUICE_SOURCE/etc/packages" | tr ' ' '\n'
    done | sort -u
}

# packages_missing GROUP...: those of them that are not installed. A package that another one provides
# (pkg-config by pkgconf) counts as installed.
packages_missing() {
    installed=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}, ${Provides}\n' 2>/dev/null |
        sed -n 's/^.i[^|]*|//p' | tr ',' '\n' | sed 's/^ *//; s/ *(.*//')
    packages_of "$@" | while read -r package; do
        printf '%s\n' "$installed" | grep -Fqx -e "$package" || printf '%s\n' "$package"
    done
}

# need_packages GROUP...: install by apt what is missing, as root or through a sudo that asks for no
# password; else name exactly what is missing and exit with status 1. Servers that come in this way are
# not started by their packages.
need_packages() {
    command -v dpkg-query >/dev/null ||
        die "not a Debian system: install the equivalents of" \
            "$(packages_of "$@" | tr '\n' ' ')and set SLUICE_PACKAGES=present"
    [ "${SLUICE_PACKAGES:-}" != present ] || return 0
    missing=$(packages_missing "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        die "these packages are missing; as root: apt-get install --no-install-recommends $missing"
    fi
    say "Installing $missing"
    apt_install || die "apt-get could not install $missing"
}

# Uses $as_root and $missing. Shows apt's output only when it fails. The subshell's own traps make sure that
# the ban on starting servers is lifted again.
apt_install() (
    log=$(mktemp) && policy=/usr/sbin/policy-rc.d || exit 1
    [ ! -e "$policy" ] || policy=
    trap 'rm -f "$log"; [ -z "$policy" ] || $as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    if [ -n "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
    fi
    $as_root apt-get -q update >"$log" 2>&1 ||
        say 'The package lists could not be refreshed; trying with those at hand.'
    # shellcheck disable=SC2086 # one word a package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends $missing >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        exit 1
    }
)

# build_sluice BUILD PREFIX LOG [CONFIGURE-ARGUMENT]...: build out of tree in BUILD and install into PREFIX; what
# is there already is brought up to date. Everything that make says goes to LOG.
build_sluice() {
    build=$1 prefix=$2 build_log=$3
    shift 3
    case $SLUICE_SOURCE in
    *[[:space:]]*) die "configure cannot work from a path with spaces: $SLUICE_SOURCE" ;;
    esac
    mkdir -p "$build"
    [ "$(cat "$build/arguments" 2>/dev/null)" = "$prefix $*" ] || rm -f "$build/Makefile"
    (
        # Two builds may begin at once from one checkout.
        # shellcheck disable=SC2016 # expanded by the inner shell
        flock "$SLUICE_SOURCE/autogen.sh" sh -c '[ -x "$0/configure" ] || "$0/autogen.sh"' "$SLUICE_SOURCE" &&
            cd "$build" &&
            { [ -f Makefile ] || "$SLUICE_SOURCE/configure" --prefix="$prefix" "$@"; } &&
            printf '%s\n' "$prefix $*" >arguments &&
            make -j"$(nproc)" install
    ) >"$build_log" 2>&1
}

# The programs of the newest PostgreSQL.
pg_bindir() {
    for dir in /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && printf '%s\n' "$dir"
    done | sort -V | tail -n 1
}

# 1234567 -> 1,234,567
thousands() {
    printf '%s\n' "$1" | sed ':again; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; t again'
}

# quoted TEXT: as a word of sh.
quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# json_quoted TEXT: as a JSON string.
json_quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}
