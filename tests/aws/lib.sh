# Sourced by scripts that need an emulator of AWS.

# start_emulator SERVER PORT LOG [COMMAND...]: starts it in the background, through COMMAND; sets $emulator to its pid; returns when it listens
start_emulator() {
  local server=$1 port=$2 log=$3
  shift 3
  "$@" "$server" --host 127.0.0.1 --port "$port" >"$log" 2>&1 9>&- &
  emulator=$!
  for _ in $(seq 100); do
    ! "$@" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || return 0
    kill -0 "$emulator" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 5 "$log" >&2
  return 1
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
