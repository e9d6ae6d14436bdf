# shellcheck shell=bash
# What the tests need beyond Rust: found, or installed where that may be done. Sourced by scripts/test and scripts/lint.
#
# Installing may be done as root on a machine with apt-get (a container, CI). Elsewhere each function says on standard
# output what is missing and what to install, and fails. Nothing is installed into the system's Python: there is .venv.

TOOLS=target/tools # Programs unpacked for the tests alone.
VENV=.venv

may_install() {
    [[ $(id -u) == 0 && -z ${ZONEWATCH_NO_INSTALL:-} ]] && command -v apt-get >/dev/null
}

# apt_lists: the package lists, fetched once a run.
apt_lists() {
    [[ -n ${APT_LISTS_FRESH:-} ]] && return
    apt-get update -qq >&2 && APT_LISTS_FRESH=1
}

# apt_install PACKAGE…
apt_install() {
    echo "── installing $*" >&2
    apt_lists && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# A C compiler: the TLS library of the programs has parts in C.
need_compiler() {
    command -v cc >/dev/null && return
    may_install && apt_install gcc libc6-dev && return
    echo "no C compiler: install gcc and libc6-dev (or what your system calls them)"
    return 1
}

# rustfmt and clippy: parts of the toolchain that a minimal one lacks.
need_rust_tools() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null && rustup component add rustfmt clippy >&2 && return
    echo "no rustfmt or clippy: rustup component add rustfmt clippy"
    return 1
}

# The Python tools, at the versions that requirements.txt pins.
need_python() {
    local wanted=tests/page/requirements.txt
    cmp -s "$wanted" "$VENV/installed" && return
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        if ! { may_install && apt_install python3 python3-venv; }; then
            echo "no Python with venv: install python3 and python3-venv"
            return 1
        fi
    fi
    if ! { python3 -m venv "$VENV" && "$VENV/bin/pip" install -q --disable-pip-version-check -r "$wanted"; } >&2; then
        echo "pip could not install $wanted: it needs a package index"
        return 1
    fi
    cp "$wanted" "$VENV/installed"
}

# What checks Terraform, workflows, manifests and Dockerfiles, at the versions that its requirements.txt pins.
need_cloud_tools() {
    local wanted=tests/terraform/requirements.txt
    need_python || return
    cmp -s "$wanted" "$VENV/installed-cloud" && return
    # uv, because pip takes minutes over the hundred packages of checkov.
    if ! { "$VENV/bin/pip" install -q --disable-pip-version-check uv==0.13.9 &&
        "$VENV/bin/uv" pip install -q --python "$VENV/bin/python" -r "$wanted"; } >&2; then
        echo "uv could not install $wanted: it needs a package index"
        return 1
    fi
    cp "$wanted" "$VENV/installed-cloud"
}

# Terraform with the AWS provider, found on the machine or fetched from the registry; the tests take it from where it is.
need_terraform() {
    local platform provider
    command -v terraform >/dev/null || { echo "no Terraform: install 1.11 or newer" && return 1; }
    mkdir -p "$TOOLS/terraform"
    platform=$(uname -s | tr '[:upper:]' '[:lower:]')_$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
    provider=$(find "$PWD/$TOOLS" /opt /usr/local /usr/share "$HOME/.terraform.d" -path "*/hashicorp/aws/*/$platform" -print -quit 2>/dev/null)
    if [[ -z $provider ]]; then
        TF_DATA_DIR=$PWD/$TOOLS/terraform/fetched timeout 120 terraform -chdir=terraform init -backend=false -input=false >&2 || true
        rm -f terraform/.terraform.lock.hcl
        provider=$(find "$PWD/$TOOLS/terraform" -path "*/hashicorp/aws/*/$platform" -print -quit 2>/dev/null)
    fi
    [[ -n $provider ]] || { echo "no AWS provider for Terraform: it is not on this machine, and the registry cannot be reached" && return 1; }
    export ZONEWATCH_TERRAFORM_CONFIG=$PWD/$TOOLS/terraform/config.tfrc
    printf 'provider_installation {\n  dev_overrides { "hashicorp/aws" = "%s" }\n  direct {}\n}\n' "$provider" >"$ZONEWATCH_TERRAFORM_CONFIG"
}

# The TypeScript compiler, which checks the types in the dashboard's comments; Node comes with the Python tools.
# shellcheck disable=SC2034 # scripts/lint runs it.
TYPESCRIPT=$TOOLS/node_modules/typescript/bin/tsc
TYPESCRIPT_VERSION=5.9.3
need_typescript() {
    grep -qs "\"version\": \"$TYPESCRIPT_VERSION\"" "$TOOLS/node_modules/typescript/package.json" && return
    mkdir -p "$TOOLS"
    PATH=$PWD/$VENV/bin:$PATH npm install --prefix "$TOOLS" --no-save --no-audit --no-fund --loglevel=error \
        "typescript@$TYPESCRIPT_VERSION" >&2 && return
    echo "npm could not install TypeScript: it needs a package registry"
    return 1
}

# A browser, and one font for it.
need_chromium() {
    local name
    [[ -n ${ZONEWATCH_CHROMIUM:-} ]] && return
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    may_install && apt_install chromium fonts-dejavu-core && return
    echo "no browser: install chromium, or name one in ZONEWATCH_CHROMIUM"
    return 1
}

need_valgrind() {
    command -v valgrind >/dev/null && return
    may_install && apt_install valgrind && return
    echo "no valgrind: install it"
    return 1
}

# What the benchmarks set beside the agent, and what they measure with. Unpacked, not installed: nothing is started.
need_bench() {
    NGINX_PROGRAM=$(command -v nginx || echo "$PWD/$TOOLS/usr/sbin/nginx")
    BLACKBOX=$(command -v prometheus-blackbox-exporter || echo "$PWD/$TOOLS/usr/bin/prometheus-blackbox-exporter")
    export NGINX_PROGRAM BLACKBOX
    if may_install; then
        [[ -x $NGINX_PROGRAM && -x $BLACKBOX ]] || {
            apt_lists && mkdir -p "$TOOLS/deb" && (
                cd "$TOOLS/deb" && apt-get download -qq -o APT::Sandbox::User=root nginx nginx-light prometheus-blackbox-exporter &&
                    for package in *.deb; do dpkg-deb -x "$package" ..; done
            ) >&2
            rm -rf "$TOOLS/deb"
        }
        need_valgrind >&2
        command -v ip >/dev/null || apt_install iproute2
    fi
    [[ -x $NGINX_PROGRAM && -x $BLACKBOX ]] && command -v valgrind ip openssl curl python3 >/dev/null && return
    echo "for the benchmarks: install nginx, prometheus-blackbox-exporter, valgrind, iproute2, openssl and curl"
    return 1
}

# promtool, which knows whether /metrics is well-formed, and beside it prometheus: unpacked, not installed, since that
# would also start a server.
need_promtool() {
    if [[ -z ${ZONEWATCH_PROMTOOL:-} ]]; then
        ZONEWATCH_PROMTOOL=$(command -v promtool || echo "$PWD/$TOOLS/usr/bin/promtool")
        export ZONEWATCH_PROMTOOL
    fi
    [[ -x $ZONEWATCH_PROMTOOL ]] && return
    if may_install && apt_lists; then
        mkdir -p "$TOOLS/deb"
        (
            cd "$TOOLS/deb" && apt-get download -qq -o APT::Sandbox::User=root prometheus &&
                dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -C .. ./usr/bin/promtool ./usr/bin/prometheus
        ) >&2
        rm -rf "$TOOLS/deb"
        [[ -x $ZONEWATCH_PROMTOOL ]] && return
    fi
    unset ZONEWATCH_PROMTOOL
    echo "no promtool: install Prometheus, or name promtool in ZONEWATCH_PROMTOOL"
    return 1
}

# Alertmanager, installed: Debian's looks for its templates at their place in the system.
need_alertmanager() {
    if [[ -z ${ZONEWATCH_ALERTMANAGER_PROGRAM:-} ]]; then
        if ! command -v prometheus-alertmanager >/dev/null && ! command -v alertmanager >/dev/null; then
            if ! { may_install && apt_install prometheus-alertmanager; }; then
                echo "no Alertmanager: install it, or name it in ZONEWATCH_ALERTMANAGER_PROGRAM"
                return 1
            fi
        fi
        ZONEWATCH_ALERTMANAGER_PROGRAM=$(command -v prometheus-alertmanager || command -v alertmanager)
        export ZONEWATCH_ALERTMANAGER_PROGRAM
    fi
    [[ -x $ZONEWATCH_ALERTMANAGER_PROGRAM ]] && return
    echo "ZONEWATCH_ALERTMANAGER_PROGRAM=$ZONEWATCH_ALERTMANAGER_PROGRAM: not a program"
    return 1
}

# libfaketime, which shows a program another wall clock: unpacked, not installed.
need_faketime() {
    [[ -n ${ZONEWATCH_FAKETIME:-} ]] && return
    find_faketime && return
    if may_install && apt_lists; then
        mkdir -p "$TOOLS/deb"
        (
            cd "$TOOLS/deb" && apt-get download -qq -o APT::Sandbox::User=root libfaketime &&
                dpkg-deb -x libfaketime_*.deb ..
        ) >&2
        rm -rf "$TOOLS/deb"
        find_faketime && return
    fi
    echo "no libfaketime: install it (Debian: libfaketime), or name libfaketime.so.1 in ZONEWATCH_FAKETIME"
    return 1
}

find_faketime() {
    local library
    library=$(find "$PWD/$TOOLS/usr/lib" /usr/lib /usr/lib64 -name libfaketime.so.1 -print -quit 2>/dev/null)
    [[ -n $library ]] && export ZONEWATCH_FAKETIME=$library
}

# A file system of a fixed size: root, and a kernel (or a container) that lets us mount one.
need_mount() {
    local at
    at=$(mktemp -d)
    if mount -t tmpfs -o size=4k zonewatch-probe "$at" 2>/dev/null; then
        umount "$at" && rmdir "$at" && return
    fi
    rmdir "$at" 2>/dev/null
    echo "no file system can be mounted here: that takes root, and in a container CAP_SYS_ADMIN"
    return 1
}

# A network of one's own in which the ports for what goes out can be few.
need_few_ports() {
    need_namespaces || return
    unshare --net sh -c 'ip link set lo up && echo 50000 50003 >/proc/sys/net/ipv4/ip_local_port_range' 2>/dev/null && return
    echo "the range of ports cannot be set here: that takes unshare, and a /proc/sys/net that can be written"
    return 1
}

# Network namespaces: root, iproute2, and a kernel (or a container) that lets us make them.
need_namespaces() {
    local probe=zonewatch-probe-$$
    if ! command -v ip >/dev/null; then
        if ! { may_install && apt_install iproute2; }; then
            echo "no ip: install iproute2"
            return 1
        fi
    fi
    if ip netns add "$probe" 2>/dev/null; then
        local works=
        ip -n "$probe" link add zw0 type bridge 2>/dev/null && works=yes
        ip netns del "$probe"
        [[ -n $works ]] && return
    fi
    echo "network namespaces cannot be made here: that takes root, and in a container CAP_SYS_ADMIN and CAP_NET_ADMIN"
    return 1
}
