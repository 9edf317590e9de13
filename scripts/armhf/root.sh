# SPDX-License-Identifier: Apache-2.0
#
# An armhf Debian on this machine: sourced by the scripts that run the board's side in it.
#
# Needs root privileges, debootstrap and qemu for user programs of 32-bit ARM. It is made once and kept in the cache
# folder; AUFLOW_ARMHF_ROOT names another one, with PACKAGES installed, which stays as it is.

SUITE=bookworm
# What a PYNQ image has and the tests need: they make videos and a library, plot, run the notebook, read the systemd unit.
PACKAGES=(python3 python3-numpy python3-opencv opencv-data python3-pytest python3-pytest-xdist python3-pip python3-cffi
  python3-tqdm python3-matplotlib python3-nbclient python3-nbformat python3-ipykernel python3-ipywidgets ffmpeg gcc
  libc6-dev systemd)
FORMATS=/proc/sys/fs/binfmt_misc

# What is missing here, as "needs ..."; nothing where all is there.
armhf_lacks() {
  if [[ $(id -u) != 0 ]]; then
    echo "needs root privileges"
  elif ! command -v qemu-arm-static >/dev/null; then
    echo "needs qemu-arm-static, which runs programs of 32-bit ARM (Debian, Ubuntu: apt install qemu-user-static)"
  elif [[ -z ${AUFLOW_ARMHF_ROOT:-} ]] && ! command -v debootstrap >/dev/null; then
    echo "needs debootstrap (Debian, Ubuntu: apt install debootstrap)"
  elif ! unshare --mount true 2>/dev/null; then
    echo "needs a kernel that lets root mount (a container often does not)"
  elif ! armhf_registered; then
    echo "needs qemu-arm registered in $FORMATS for programs of 32-bit ARM"
  fi
}

# Have the kernel start programs of 32-bit ARM by qemu, where it does not yet.
armhf_registered() {
  local magic='\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00'
  local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  mountpoint -q $FORMATS || mount -t binfmt_misc binfmt_misc $FORMATS 2>/dev/null || return
  [[ -e $FORMATS/qemu-arm ]] ||
    printf '%s' ":qemu-arm:M::$magic:$mask:$(command -v qemu-arm-static):F" 2>/dev/null >$FORMATS/register
}

# Set `armhf_root` to the root's path; false where it is not there yet.
armhf_find() {
  local key cache=${AUFLOW_CACHE:-~/.cache/auflow}
  key=$(echo "$SUITE ${PACKAGES[*]}" | sha256sum | cut -c 1-12)
  armhf_root=${AUFLOW_ARMHF_ROOT:-$(realpath -m "$cache/armhf-$key")}
  [[ -n ${AUFLOW_ARMHF_ROOT:-} || -d $armhf_root ]]
}

# Make the root where it is not there yet, and set `armhf_root` to its path.
armhf_make() {
  armhf_find && return
  local partial mirror=""
  echo "armhf: making $armhf_root, this once; it takes some minutes" >&2
  partial=$armhf_root.$$.partial
  mkdir -p "${partial%/*}"
  # a Debian host's own mirror; debootstrap knows one otherwise
  if grep -qs '^ID=debian' /etc/os-release; then
    mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
      sed -n 's#^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*#\2#p; s#^URIs: *\([^ ]*\).*#\1#p' | sed -n 1p)
  fi
  # without fsync for each file, which takes most of the time
  debootstrap --arch=armhf --variant=minbase --foreign --include=ca-certificates $SUITE "$partial" \
    ${mirror:+"$mirror"} >"$partial.log" &&
    echo force-unsafe-io >"$partial/etc/dpkg/dpkg.cfg.d/force-unsafe-io" &&
    chroot "$partial" /debootstrap/debootstrap --second-stage >>"$partial.log" &&
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount bash -c 'mount -t proc proc "$1/proc" && exec chroot "$1" /usr/bin/env -i DEBIAN_FRONTEND=noninteractive \
      PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root apt-get install -y -qq --no-install-recommends "${@:2}"' \
      bash "$partial" "${PACKAGES[@]}" >>"$partial.log" 2>&1 || {
    echo "armhf: the root could not be made; its log is $partial.log" >&2
    tail -n 5 "$partial.log" >&2
    rm -rf "$partial"
    exit 1
  }
  rm -rf "$partial/var/cache/apt/archives" "$partial.log"
  mv -T "$partial" "$armhf_root" 2>/dev/null || rm -rf "$partial" # another run was first
}

# armhf_run FOLDER COMMAND...: run in the root, where FOLDER is /share; all else that is written there is lost.
armhf_run() {
  local place status=0
  place=$(mktemp -d)
  # shellcheck disable=SC2016 # the inner shell's
  unshare --mount bash -euc '
    root=$1 place=$2 share=$3
    mount -t tmpfs tmpfs "$place"
    mkdir "$place"/{changes,work,root}
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$place/changes,workdir=$place/work" "$place/root"
    mount -t proc proc "$place/root/proc"
    mkdir "$place/root/share"
    mount --bind "$share" "$place/root/share"
    cd "$place/root/share"
    exec chroot "$place/root" /usr/bin/env -i -C /share PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LANG=C.UTF-8 "${@:4}"' bash "$armhf_root" "$place" "$1" "${@:2}" || status=$?
  rmdir "$place"
  return $status
}

# armhf_ncnn FOLDER: put ncnn for the root's Python there, fetched once. Without it faces are searched by OpenCV.
armhf_ncnn() {
  local wheels=${AUFLOW_CACHE:-~/.cache/auflow}/armhf-wheels
  [[ -n $(find "$wheels" -name 'ncnn-*.whl' 2>/dev/null) ]] ||
    .venv/bin/python -m pip --disable-pip-version-check --quiet download --no-deps --only-binary :all: \
      --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_31_armv7l \
      --requirement requirements/board-nodeps.txt --dest "$wheels" ||
    { echo "armhf: could not fetch ncnn, so that OpenCV searches the faces" >&2 && return; }
  .venv/bin/python -m zipfile -e "$wheels"/ncnn-*.whl "$1"
}

# What is missing here for counting instructions, as armhf_lacks.
armhf_counter_lacks() {
  local lacks
  lacks=$(armhf_lacks)
  if [[ -n $lacks ]]; then
    echo "$lacks"
  elif ! ldd "$(command -v qemu-arm)" >/dev/null 2>&1; then
    echo "needs a qemu-arm that loads plugins, linked dynamically (Debian 12, Ubuntu 24.04: apt install qemu-user)"
  elif ! command -v cc >/dev/null; then
    echo "needs a C compiler (Debian, Ubuntu: apt install gcc)"
  fi
}

# armhf_counter FOLDER: put the counting plugin there, and a qemu that loads it, with its libraries.
armhf_counter() {
  cc -shared -fPIC -O2 -Wall -o "$1/count.so" scripts/armhf/count.c
  mkdir "$1/qemu"
  ldd "$(command -v qemu-arm)" | sed -n 's#.* => \(/[^ ]*\) .*#\1#p; s#^[[:space:]]*\(/[^ ]*ld-linux[^ ]*\) .*#\1#p' |
    xargs cp -L -t "$1/qemu" "$(command -v qemu-arm)"
  mv "$1"/qemu/ld-linux* "$1/qemu/ld.so"
}

# armhf_counted FOLDER COUNTS ARGUMENT...: run Python and leave its instructions in a file COUNTS of the folder, as count.c
# tells. The same names, addresses and order of hashing in every run.
armhf_counted() {
  armhf_run "$1" setarch -R env "COUNTS=/share/$2" PYTHONHASHSEED=0 PYTHONPATH=/share PYTHONDONTWRITEBYTECODE=1 \
    qemu/ld.so --library-path /share/qemu qemu/qemu-arm -plugin /share/count.so /usr/bin/python3 "${@:3}"
}

# armhf_based FOLDER ARGUMENT...: run Python with all its memory in the 4 GiB from ARMHF_BASE on, as memory.py wants it;
# after armhf_counter.
ARMHF_BASE=0x100000000
armhf_based() {
  armhf_run "$1" env PYTHONPATH=/share PYTHONDONTWRITEBYTECODE=1 \
    qemu/ld.so --library-path /share/qemu qemu/qemu-arm -B $ARMHF_BASE /usr/bin/python3 "${@:2}"
}
