#!/usr/bin/env bash
# Installs Apicurio Registry, as published on Maven Central, where this package's tests look for it. It needs Maven and, to
# run, Java 11 or newer; it does nothing when the registry is there.
set -euo pipefail
version=2.6.13.Final
sha256=3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba
cache=${XDG_CACHE_HOME:-$HOME/.cache}/campus-hub
home=$cache/apicurio-registry-app-$version
if [ -e "$home/apicurio-registry-app-$version-runner.jar" ]; then exit 0; fi
mkdir -p "$cache"
work=$(mktemp -d "$cache/apicurio-XXXXXX")
trap 'rm -rf "$work"' EXIT
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
  -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" -DoutputDirectory="$work"
archive=$work/apicurio-registry-app-$version-all.tar.gz
echo "$sha256  $archive" | sha256sum --check --quiet
mkdir "$work/home"
tar -xzf "$archive" -C "$work/home"
mv "$work/home" "$home"
