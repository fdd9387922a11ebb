import { AGENT_MARK, END_OF_OUTPUT, PIECE_BYTES } from './agent-line.js'

/**
 * The agent inside a guest, for any POSIX shell with sed, mkfifo and setsid (busybox has all of them).
 * It reads requests on standard input and answers on standard output; agent-line.ts has the protocol.
 * Each command is the leader of its own session, so that a signal reaches all that it started.
 * sed cuts long lines: P writes one piece and D goes on with the rest without reading, and what a sed
 * writes in one piece goes to the terminal line whole (on anything but a terminal line it must be
 * made to: by stdbuf's library, else by -u, which reads byte by byte and is slow).
 * The mark at the end of the output shows the host whether the last line had a newline.
 * `$1` is a folder for pipes and process ids.
 */
export const AGENT_SCRIPT = `dir=\${1:-/run/ringferry}
mkdir -p "$dir"
sed=sed # GNU's when it is there: busybox's holds each line back until the next
for file in /usr/bin/sed /bin/sed; do
  [ ! -x "$file" ] || sed=$file
done
lines= # a library that makes sed write line by line
for file in /usr/libexec/coreutils/libstdbuf.so /usr/lib/coreutils/libstdbuf.so; do
  [ ! -e "$file" ] || lines=$file
done
unbuffered=
[ -t 1 ] || [ -n "$lines" ] || ! "$sed" -u p </dev/null >/dev/null 2>&1 || unbuffered=-u

tag() { # ID, letter for a whole line, letter for a piece
  export LC_ALL=C
  [ -t 1 ] || [ -z "$lines" ] || export LD_PRELOAD="$lines" _STDBUF_O=L
  exec "$sed" $unbuffered -n -e "s/^\\(.\\{${PIECE_BYTES}\\}\\)\\(.\\)/${AGENT_MARK} $1 $3 \\1\\n\\2/;t piece" \\
    -e "s/^/${AGENT_MARK} $1 $2 /" -e ':piece' -e 'P;D'
}

job() { # ID COMMAND
  mkfifo "$dir/$1.out" "$dir/$1.err"
  tag "$1" o O <"$dir/$1.out" &
  out=$!
  tag "$1" e E <"$dir/$1.err" &
  err=$!
  exec 3>"$dir/$1.out" 4>"$dir/$1.err"
  setsid sh -c "$2" </dev/null >&3 2>&4 3>&- 4>&- &
  child=$!
  echo "$child" >"$dir/$1.pid"
  wait "$child"
  code=$?
  echo "${END_OF_OUTPUT}" >&3
  echo "${END_OF_OUTPUT}" >&4
  exec 3>&- 4>&-
  wait "$out"
  wait "$err"
  rm -f "$dir/$1.out" "$dir/$1.err" "$dir/$1.pid"
  echo "${AGENT_MARK} $1 x $code"
}

signal() { # ID SIGNAL; the request may overtake the start of the command
  tries=0
  while [ ! -s "$dir/$1.pid" ] && [ "$tries" -lt 10 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -s "$2" -- "-$(cat "$dir/$1.pid")"
} 2>/dev/null

echo "${AGENT_MARK} 0 ready"
while IFS=' ' read -r id verb text; do
  case $verb in
  r) job "$id" "$(printf '%b' "$text")" & ;;
  k) signal "$id" "$text" & ;;
  q) break ;;
  esac
done
for file in "$dir"/*.pid; do
  [ ! -s "$file" ] || kill -s KILL -- "-$(cat "$file")" 2>/dev/null
done
`
