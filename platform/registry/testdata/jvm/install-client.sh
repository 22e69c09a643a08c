#!/usr/bin/env bash
# Installs Confluent's client for the JVM where this package's tests look for it. Confluent does not publish it on Maven
# Central; Apache Flink's connector does, with kafka-schema-registry-client 7.5.3 in it under package names of its own. It
# needs Maven and, to run, a JDK of Java 16 or newer; it does nothing when the client is there.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/campus-hub
home=$cache/confluent-client-7.5.3
if [ -e "$home" ]; then exit 0; fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/confluent-XXXXXX")
trap 'rm -rf "$work"' EXIT
for artifact in org.apache.flink:flink-sql-avro-confluent-registry:1.20.0 org.slf4j:slf4j-api:1.7.36; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$artifact" -DoutputDirectory="$work/home"
done
(cd "$work/home" && sha256sum --check --quiet) <<'SUMS'
3aee7adef69dddf134980a37e79847798b976a57ada7dc43f4baa8a8aa3adccb  flink-sql-avro-confluent-registry-1.20.0.jar
d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0  slf4j-api-1.7.36.jar
SUMS
mv "$work/home" "$home"
