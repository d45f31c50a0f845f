#!/bin/sh
# pubsub @VERSION@ for @TARGET@, one self-extracting executable.
#
# First start: the compressed payload behind the last line of this script (the Deno runtime, the program, its
# native ZeroMQ library) is unpacked once, into a directory named by the payload's hash.
# Later starts: one look at the files' owners, modes, sizes and times of change, then exec: pid and signals are the
# program's own. What another user could have written is never run: it is unpacked anew, or elsewhere. What has changed
# in any way since its content was known (by unpacking it, or by its digest) is looked at by digest.
# Where: $PUBSUB_CACHE_DIR, else $XDG_CACHE_HOME/pubsub, else ~/.cache/pubsub, else a private directory in /tmp.
# Guarantee: a directory of that name is complete (it is renamed into place), however many copies start at once.

key='@KEY@'
files='@FILES@'
sizes='@SIZES@'
digest='@DIGEST@'
offset='@OFFSET@'
need_mib='@NEED_MIB@'
self=$0

# Nothing that is made here may be written by others.
mask=$(umask)
umask 022

say() { printf 'pubsub: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# What tells whether a file has changed: nobody but the system's clock decides what the time of change (%z) is.
stamp='%s %i %z'

# Whether what lies in $1 can be believed: nobody but us and the system's owner (of /) owns or may write it, or may put
# something else in its place (the groups of the directories above it are trusted). With $2, it is an unpacked copy: every file is there in its full size, too, and what it
# holds is known: it is as it was when the seal was made, or has the digest that it has to have. One process.
believed() {
  have=$(
    cd -P "$1" 2>/dev/null || exit 1
    place=$PWD
    parts=
    if [ -n "${2:-}" ]; then
      for file in $files; do
        while :; do
          case $file in */*) file=${file%/*} ;; *) break ;; esac
          case " $parts " in *" $file "*) break ;; esac
          parts="$parts $file"
        done
      done
      # shellcheck disable=SC2086
      set -- /proc/self/ / "$place" cache seal $parts $files
    else set -- /proc/self/ / "$place"; fi
    TZ=UTC0 stat -c "%u %A $stamp" "$@" 2>/dev/null || exit 1
    echo above
    set --
    while place=${place%/*} && [ -n "$place" ]; do set -- "$@" "$place"; done
    [ $# -eq 0 ] || stat -c '%u %A %s' "$@" 2>/dev/null
  ) || {
    why='incomplete'
    # A stat that does not know -c (neither GNU's nor busybox's) cannot tell: then what is ours has to do.
    ! stat -c %s / >/dev/null 2>&1 && [ -O "$1" ] && { [ -z "${2:-}" ] || [ -O "$1/pubsub" ]; }
    return
  }
  me='' system='' found='' stamps='' above='' count=0
  while read -r owner mode size rest; do
    count=$((count + 1))
    case $count in
      1) me=$owner; continue ;;
      2) system=$owner; continue ;;
    esac
    [ "$owner" = above ] && { above=yes; continue; }
    case $owner in
      "$me" | "$system") ;;
      *) why="open to uid $owner"; return 1 ;;
    esac
    # Above it a directory where everybody may write is one where only owners may rename (the sticky bit).
    case $above$count$mode in
      yes*????????w[!tT]) why='below a directory that is open to everybody'; return 1 ;;
      yes*) continue ;;
    esac
    case $mode in
      ????????w*) why='open to everybody'; return 1 ;;
      ?????w*) why='open to its group'; return 1 ;;
    esac
    [ "$count" -gt 5 ] && case $mode in -*) found="$found
$size" stamps="$stamps
$size $rest" ;; esac
  done <<END
$have
END
  [ -z "${2:-}" ] && return 0
  why='incomplete'
  [ "$found" = "
$sizes" ] || return 1
  sealed=
  while read -r line; do sealed="$sealed
$line"; done 2>/dev/null < "$1/seal"
  [ "$sealed" = "$stamps" ] && return 0
  why='changed'
  as_packed "$1" || return 1
  # Where we may not write (a copy that the system's owner has unpacked) it is looked at by digest each time.
  [ ! -w "$1" ] || seal "$1" || :
}

# Whether the files in $1 hold what was packed. (They have their sizes, so one digest of all does.)
as_packed() {
  # shellcheck disable=SC2086
  have=$({ cd "$1" && cat $files | { sha256sum || shasum -a 256; }; } 2>/dev/null)
  [ "${have%% *}" = "$digest" ]
}

# Keeps what the files in $1 are like now.
seal() {
  # shellcheck disable=SC2086
  (cd "$1" && { TZ=UTC0 stat -c "$stamp" $files > ".seal.$$" && mv -f ".seal.$$" seal || rm -f ".seal.$$"; }) 2>/dev/null
}

# Whether the unpacked copy in $1 is whole and ours.
complete() { why=incomplete; [ -x "$1/pubsub" ] && believed "$1" copy; }

# Becomes the program unpacked in $1.
run() {
  root=$1
  shift
  # What somebody else unpacked is used as it is, and nothing learned is kept there.
  [ -w "$root/cache" ] && { DENO_DIR=$root/cache; export DENO_DIR; }
  DENO_NO_UPDATE_CHECK=1
  export DENO_NO_UPDATE_CHECK
  umask "$mask"
  exec "$root/pubsub" run @RUNTIME_FLAGS@ "$root/main.js" "$@"
}

# Makes the directory $1 and tells whether files can be made in it; if not, $why says why. Nothing is written where
# others could have put a link to somewhere else.
usable() {
  why=$(mkdir -p "$1" 2>&1) || { why=${why##*: }; return 1; }
  believed "$1" || return 1
  why=$( { : > "$1/.write.$$" && rm -f "$1/.write.$$"; } 2>&1 ) && return 0
  rm -f "$1/.write.$$" 2>/dev/null
  why=${why##*: }
  return 1
}

# Anybody can make a directory in /tmp beforehand: take it only when it is ours and closed to others.
closed_to_others() {
  mkdir -m 700 "$1" 2>/dev/null
  # shellcheck disable=SC2012
  mode=$(ls -ldn "$1" 2>/dev/null | { read -r mode _ owner _ && printf '%s %s' "${mode%[.+@]}" "$owner"; })
  [ "$mode" = "drwx------ $(id -u)" ] && return 0
  why='not a private directory of yours'
  return 1
}

# Removes what is half unpacked.
discard() {
  [ -n "$fresh" ] && rm -rf "$fresh" 2>/dev/null
  fresh=
}

# Unpacks the payload into $fresh; prints what went wrong, nothing when all is well.
extract() {
  unset GZIP TAR_OPTIONS
  LC_ALL=C
  export LC_ALL
  {
    { tail -c "+$offset" "$self" || echo 'cannot be read'; } |
      { gzip -dc || echo 'not a sound payload'; } |
      { tar -xof - -C "$fresh" || echo 'tar failed'; }
  } 2>&1 | tr '\n' ' '
}

# Unpacks into $1 and renames that to $1/$key.
unpack() {
  for tool in tail gzip tar mktemp; do
    command -v "$tool" >/dev/null 2>&1 || die "cannot unpack itself: the command '$tool' is not installed here"
  done
  find "$1" -maxdepth 1 -name '.unpacking.*' -mmin +60 -exec rm -rf {} + 2>/dev/null
  fresh=$(mktemp -d "$1/.unpacking.XXXXXX") || die "cannot make a directory in $1"
  trap 'discard; exit 130' INT
  trap 'discard; exit 143' TERM
  trap 'discard; exit 129' HUP
  problem=$(extract)
  if [ -n "$problem" ]; then
    discard
    case $problem in
      *[Nn]'o space left'* | *[Qq]uota*)
        die "no room to unpack in $1 (needs $need_mib MiB): free some, or set PUBSUB_CACHE_DIR to a directory elsewhere" ;;
    esac
    die "cannot unpack itself into $1; is $self a complete copy? ($problem)"
  fi
  problem=$("$fresh/pubsub" --version 2>&1) || {
    discard
    die "what was unpacked in $1 does not run here (built for @TARGET@, this is $(uname -sm); is the directory mounted noexec? then set PUBSUB_CACHE_DIR): ${problem##*: }"
  }
  # What the runtime writes there later, with whatever umask, is closed to others by its directory.
  mkdir -p "$fresh/cache" && chmod 700 "$fresh/cache"
  seal "$fresh"
  chmod 755 "$fresh"
  # Another copy may have won in the meantime: its directory is as good. A damaged one is moved out of the way.
  if [ -e "$1/$key" ] && ! complete "$1/$key"; then
    [ "$why" = incomplete ] && why=damaged
    say "the unpacked copy in $1/$key was $why: unpacked again"
    mv "$1/$key" "$fresh.damaged" 2>/dev/null && rm -rf "$fresh.damaged"
  fi
  mv -T "$fresh" "$1/$key" 2>/dev/null || discard
  trap - INT TERM HUP
  complete "$1/$key" || die "the files unpacked in $1/$key are not complete: is $self damaged, or the disk full?"
  # The runtime keeps what it learns from the modules in its cache: learn it now, so that those who wait need not.
  ( run "$1/$key" --version ) >/dev/null 2>&1
}

# One copy unpacks, the others wait for it. Where flock is missing or its holder hangs, each unpacks for itself.
unpack_once() {
  if command -v flock >/dev/null 2>&1 && ( : >> "$1/.lock" ) 2>/dev/null; then
    exec 9>> "$1/.lock"
    flock -w 120 9 2>/dev/null
    complete "$1/$key" || unpack "$1"
    exec 9>&-
  else
    unpack "$1"
  fi
}

reasons=
for place in given xdg home tmp; do
  base=
  case $place in
    given)
      base=${PUBSUB_CACHE_DIR:-}
      case $base in '' | /*) ;; *) base=$PWD/$base ;; esac
      ;;
    xdg) case ${XDG_CACHE_HOME:-} in /*) base=$XDG_CACHE_HOME/pubsub ;; esac ;;
    home) case ${HOME:-} in /?*) base=$HOME/.cache/pubsub ;; esac ;;
    tmp) base=/tmp/pubsub-$(id -u) ;;
  esac
  [ -n "$base" ] || continue
  if [ $place != tmp ] || closed_to_others "$base"; then
    if complete "$base/$key"; then run "$base/$key" "$@"; fi
    if usable "$base"; then
      unpack_once "$base"
      run "$base/$key" "$@"
    fi
  fi
  reasons="$reasons; $base: $why"
  [ $place = given ] && break
done
die "no place to unpack itself (needs $need_mib MiB): set PUBSUB_CACHE_DIR to a writable directory${reasons:+ (${reasons#; })}"
