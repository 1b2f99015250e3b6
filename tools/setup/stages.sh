# shellcheck shell=bash disable=SC2034
# What ./demo, ./check and tools/package share: numbered stages that say what they do and how long they took, the one
# list of Debian packages, logs, and failures that name their cure. Source it from the checkout's root:
#
#   source tools/setup/stages.sh
#   stage packages "what the build needs from Debian"
#   install_packages demo || stop "…" "…"
#   stage_end "26 there"
#
# Nothing here decides what a failure means: ./demo stops at the first, ./check counts it and goes on.

logs=build/logs
no_install=0
stage_number=0
mkdir -p "$logs"

# stage NAME WORDS: begins a stage and prints what it is about to do.
stage() {
  stage_number=$((stage_number + 1))
  stage_started=$(now)
  printf '%d %-10s %s\n' "$stage_number" "$1" "$2"
}

# stage_end WORDS: the stage's result and time, on the line below it.
stage_end() {
  printf '             %s · %s\n' "$1" "$(duration $(($(now) - stage_started)))"
}

# Milliseconds since some start. Bash's own SECONDS would print "0 s" for most stages of a warm run.
now() { printf '%s' "${EPOCHREALTIME//[.,]/}" | cut -c1-13; }

# duration MILLISECONDS: "0.4 s", "12 s", "2 min 05 s"
duration() {
  local seconds=$((($1 + 500) / 1000))
  if (($1 < 9950)); then
    printf '%d.%d s' $((($1 + 50) / 1000)) $((($1 + 50) % 1000 / 100))
  elif ((seconds < 60)); then
    printf '%d s' "$seconds"
  else
    printf '%d min %02d s' $((seconds / 60)) $((seconds % 60))
  fi
}

# report WHAT CURE: the two lines of every failure.
report() {
  printf 'error: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || printf '  cure: %s\n' "$2" >&2
}

# stop WHAT CURE: reports and ends the script.
stop() {
  report "$@"
  exit 1
}

# logged NAME COMMAND…: runs the command with its output in build/logs/NAME.log; shows the end of it when it fails.
logged() {
  local log=$logs/$1.log
  shift
  if "$@" >"$log" 2>&1; then return 0; fi
  printf '  … the end of %s:\n' "$log" >&2
  # A compiler's first error says more than its last line.
  { grep -m 5 -E '(error|Error|FAILED|CMake Error)[ :]' "$log" || tail -n 12 "$log"; } | cut -c1-300 | sed 's/^/  /' >&2
  return 1
}

# packages_of STAGE: the Debian packages of that stage and of the stages it includes.
packages_of() {
  awk -v stage="$1" '
    BEGIN { rank["demo"] = 1; rank["check"] = 2; rank["deep"] = 3 }
    /^[^#]/ && NF >= 2 && rank[$2] <= rank[stage] { print $1 }' tools/setup/debian-packages.txt
}

# missing_packages STAGE: those of them that are neither installed nor there as a program of the same name (npm, cmake and
# others are often installed from elsewhere). dpkg-query fails when it does not know one of the names, the usual case here.
missing_packages() {
  local wanted name
  wanted=$(packages_of "$1")
  # shellcheck disable=SC2086  # one word a package
  { dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' $wanted 2>/dev/null || :; } |
    awk -v wanted="$wanted" '
      $1 == "ii" { sub(/:.*/, "", $2); there[$2] = 1 }
      END { n = split(wanted, names, "\n"); for (i = 1; i <= n; ++i) if (!(names[i] in there)) print names[i] }' |
    while read -r name; do command -v "$name" >/dev/null || echo "$name"; done
}

# install_packages STAGE: installs what is missing, nothing else; sets packages_result. Fails with a report.
install_packages() {
  local missing count apt=(apt-get) command
  if ! command -v dpkg-query >/dev/null; then
    packages_result="not a Debian system: packages not looked at (the list is tools/setup/debian-packages.txt)"
    return 0
  fi
  missing=$(missing_packages "$1" | tr '\n' ' ')
  missing=${missing% }
  count=$(packages_of "$1" | wc -l)
  if [[ -z $missing ]]; then
    packages_result="all $count packages are there"
    return 0
  fi
  command="apt-get update && apt-get install --no-install-recommends $missing"
  if ((no_install)); then
    report "missing packages: $missing" "as root: $command"
    return 1
  fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      report "missing packages: $missing, and this is neither root nor is sudo there" "as root: $command"
      return 1
    fi
    apt=(sudo apt-get)
  fi
  printf '             installing %s\n' "$missing"
  # A failed update may still leave package lists that are good enough, so only a failed installation stops us.
  logged apt-update "${apt[@]}" update -q || :
  # shellcheck disable=SC2086  # one word a package
  if ! logged apt-install "${apt[@]}" install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 $missing; then
    report "the packages did not install (the whole log is $logs/apt-install.log)" \
      "check the network and the package sources, or as root: $command"
    return 1
  fi
  packages_result="$(wc -w <<<"$missing") of $count packages installed"
}

# build_engine FLAVOUR: sets engine to the prefix of the pinned llama.cpp and engine_result to a few words.
build_engine() {
  local stamp=$logs/engine.stamp
  touch "$stamp"
  # The script's progress is for people: pass it on, indented, while it comes.
  engine=$(tools/setup/build-llama "$1" 2> >(sed 's/^/             /' >&2)) || return 1
  engine_result="$(sed -n 's/^version //p' "$engine/build.txt") from the cache"
  if [[ $engine/build.txt -nt $stamp ]]; then engine_result="built once, kept in $engine"; fi
}
