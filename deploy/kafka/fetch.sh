#!/usr/bin/env bash
# Lays Apache Kafka's jars into deploy/kafka/jars, or a folder that is named, and checks each against jars.sha256.
# Needs Java 17 and Maven, which takes them from its own repository or Maven Central.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jars=${1:-$here/jars}

check() { (cd "$jars" && sha256sum --check --strict --quiet "$here/jars.sha256"); }

if [ -d "$jars" ] && check 2>/dev/null; then exit 0; fi
rm -rf "$jars.new"
mvn -B -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$jars.new"
rm -rf "$jars"
mv "$jars.new" "$jars"
# A file that is not in the list would be run all the same.
if ! check || [ "$(ls "$jars" | sort)" != "$(awk '{ print $2 }' "$here/jars.sha256" | sort)" ]; then
  rm -rf "$jars"
  echo "the jars are not those of jars.sha256" >&2
  exit 1
fi
