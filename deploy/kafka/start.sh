#!/usr/bin/env bash
# Runs one Kafka broker (KRaft, its own controller, loopback only) on a folder until it is told to stop.
#   deploy/kafka/start.sh DIR [PORT [CONTROLLER-PORT]]
# The first start formats the folder; later ones go on with it. VERAVITA_KAFKA_JARS names the jars, where they are not in
# deploy/kafka/jars; VERAVITA_KAFKA_HEAP the heap (256m).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ "$1" = --help ]; then
  sed -n '2,5s/^# \?//p' "$0"
  exit $([ "${1:-}" = --help ] && echo 0 || echo 2)
fi
directory=$1 port=${2:-9092} controller=${3:-9093}
jars=${VERAVITA_KAFKA_JARS:-$here/jars}
if ! [ -d "$jars" ]; then
  echo "no jars in $jars: run deploy/kafka/fetch.sh" >&2
  exit 1
fi

umask 077
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
properties=$directory/server.properties
# The later of two lines with one name holds.
cat "$here/server.properties" - > "$properties" <<END
listeners=BROKER://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=BROKER://127.0.0.1:$port
controller.quorum.bootstrap.servers=127.0.0.1:$controller
log.dirs=$directory/log
END

run() {
  exec java -Xms64m "-Xmx${VERAVITA_KAFKA_HEAP:-256m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
    "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$jars/*" "$@"
}
if ! [ -f "$directory/log/meta.properties" ]; then
  # 16 octets in base64url, the form of Kafka's ids.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'Aa' | cut -c 1-22)
  (run kafka.tools.StorageTool format --standalone --cluster-id "$id" --config "$properties") >&2
fi
run kafka.Kafka "$properties"
