# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
# shellcheck shell=bash
#
# What the tools share: to be sourced by bash.

# install_missing PACKAGE...: Debian packages, by apt-get, as far as they are not installed.
install_missing() {
    local tool="tools/${0##*/}" missing=() package as_root=()
    for package in "$@"; do
        [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    echo "missing: ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "$tool installs packages with apt-get, which is not here: install these by hand" >&2
        return 1
    fi
    if [[ $EUID -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "$tool needs root, or sudo, to install them: run 'apt-get install ${missing[*]}' as root" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    if ! "${as_root[@]}" apt-get update --quiet --quiet ||
        ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes --quiet --no-install-recommends "${missing[@]}"; then
        echo "$tool could not install what is missing with apt-get; what apt-get said stands above" >&2
        return 1
    fi
}
