# Sourced by the measuring scripts: values of a process, of the agent's own metrics, and the table of results.

fail() {
  echo "footprint: $*" >&2
  exit 1
}

# skip REASON: prints a line SKIPPED and exits with 77: a requirement is missing; this does not count as passed.
skip() {
  echo "SKIPPED: footprint: $*" >&2
  exit 77
}

# memory PID: exact resident and anonymous KiB. Those in /proc/PID/status may be off by one batch of pages per processor.
memory() { awk '/^Rss:/ {rss = $2} /^Anonymous:/ {anonymous = $2} END {print rss, anonymous}' "/proc/$1/smaps_rollup"; }
peak() { awk '/^VmHWM/ {print $2}' "/proc/$1/status"; }
# cpu PID: milliseconds of CPU time of the process and the children that it waited for
cpu() { awk -v hz="$(getconf CLK_TCK)" '{sub(/^.*\) /, ""); print int(($12 + $13 + $14 + $15) * 1000 / hz)}' "/proc/$1/stat"; }
# threads PID: a line for each thread with its name and milliseconds of CPU time
threads() {
  local thread
  for thread in "/proc/$1/task"/*; do echo "$(cat "$thread/comm") $(awk '{print int($1 / 1000000)}' "$thread/schedstat")"; done
}
# by_thread BEFORE AFTER MILLISECONDS: from two outputs of `threads`, seconds per minute of each name
by_thread() {
  awk -v ms="$3" 'NR == FNR {spent[$1] -= $2; next} {spent[$1] += $2}
    END {for (name in spent) {printf "%s%s %.3f", comma, name, spent[name] / ms * 60; comma = ", "} print ""}' "$1" "$2"
}
now() { date +%s%3N; }
# a_minute MILLISECONDS-BEFORE AFTER CLOCK-BEFORE AFTER: seconds per minute
a_minute() { awk -v from="$1" -v to="$2" -v began="$3" -v ended="$4" 'BEGIN {printf "%.3f", (to - from) / (ended - began) * 60}'; }

# metric FILE SERIES-PATTERN: the sum of all series of a scraped page whose beginning matches
metric() { awk -v pattern="^$2" '$0 ~ pattern && !/^#/ {sum += $NF; found = 1} END {if (!found) exit 1; printf "%.6f", sum}' "$1" | sed 's/\.\?0*$//'; }
# grown BEFORE AFTER SERIES-PATTERN MILLISECONDS: growth per minute
grown() {
  local before after
  before=$(metric "$1" "$3") || before=0
  after=$(metric "$2" "$3") || { echo -; return; }
  awk -v before="$before" -v after="$after" -v ms="$4" 'BEGIN {printf "%.1f", (after - before) / ms * 60000}'
}

# sample PID FILE: appends resident and anonymous KiB every second, until the process ends or this function is killed
sample() {
  while memory "$1" >>"$2" 2>/dev/null; do sleep 1; done
}
# median FILE COLUMN, largest FILE COLUMN
median() { sort -n -k"$2,$2" "$1" | awk -v column="$2" '{value[NR] = $column} END {print value[int((NR + 1) / 2)]}'; }
largest() { awk -v column="$2" '$column > most {most = $column} END {print most}' "$1"; }
mib() { awk -v kib="$1" 'BEGIN {printf "%.1f", kib / 1024}'; }

missed=0
table() { # table TITLE
  printf '\n%s\n\n| figure | measured | unit | bound | |\n|---|---|---|---|---|\n' "$1"
}
# row FIGURE MEASURED UNIT [BOUND]: prints one row; a value beyond its bound is marked, and the script exits with 1
row() {
  local verdict=
  if [ -n "${4:-}" ]; then
    if awk -v measured="$2" -v bound="$4" 'BEGIN {exit !(measured ~ /^-?[0-9.]+$/ && measured + 0 <= bound + 0)}'; then
      verdict=kept
    else
      verdict='**missed**'
      missed=1
    fi
  fi
  printf '| %s | %s | %s | %s | %s |\n' "$1" "${2:-not known}" "$3" "${4:-–}" "$verdict"
}

# machine: prints the machine, its load and the commit, for the reader of the results
machine() {
  printf '%s, %s processors, Linux %s, load %s when this ended. ' "$(date -u +%FT%RZ)" "$(nproc)" "$(uname -r)" "$(cut -d' ' -f1-3 /proc/loadavg)"
  printf 'insightd %s.\n' "$(git rev-parse --short HEAD 2>/dev/null || echo of unknown commit)"
}
