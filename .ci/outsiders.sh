#!/usr/bin/env bash
# Packs this tree as released versions in a file proxy and uses them as others would, from modules that know nothing of
# this directory; then gives a copy of the tree another module path. Needs the dependencies in the module cache.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD module=$(sed -n 's/^module //p' go.mod)
version=$(awk -v m="$module" '$1 == m { print $2 }' grpcresolver/go.mod)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 .ci/pack.py "$work/proxy" "$version"

# A module cache of its own, because the version's contents change with the tree; the usual cache serves the dependencies.
# What it holds was checked against go.sum when it was downloaded. With -trimpath, compiled packages are found again.
GOPROXY=file://$work/proxy,file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)
export GOPROXY GOMODCACHE=$work/modules GOFLAGS="-trimpath -modcacherw -buildvcs=false" GOWORK=off GOSUMDB=off GOBIN=$work/bin

# outsider NAME PACKAGE... makes a module of .ci/outsiders/NAME that requires the packed modules.
outsider() {
  local name=$1 required
  shift
  cp -r "$root/.ci/outsiders/$name" "$work/$name"
  cd "$work/$name"
  go mod init "example.com/$name" 2>/dev/null
  for required; do go mod edit -require="$required@$version"; done
  go mod tidy >tidy.txt 2>&1 || { cat tidy.txt; return 1; }
}

outsider client "$module"
go build -o program .
others=$(go version -m program | awk -v m="$module" '$1 == "dep" && $2 != m')
[ -z "$others" ] || { echo "a program with client depends on: $others"; exit 1; }
grep -q indirect go.mod && { echo "client brings requirements along:"; cat go.mod; exit 1; }
./program
echo "ok client: no module but $module"

outsider server "$module"
go test ./...
outsider grpc "$module" "$module/grpcresolver"
go build -o program . && ./program
echo "ok grpcresolver"
adapters=$(cd "$root/adapters" && echo *)
outsider adapters "$module" $(printf "$module/adapters/%s " $adapters)
go vet .
echo "ok adapters: $adapters"

cd "$work"
go install "$module/cmd/heureka@$version"
bin/heureka version | tee version.txt
grep -q "^heureka $version " version.txt
echo "ok go install"

# Another path: nothing remembers the old one, everything builds, and the tests of the tree's own shape pass.
mkdir "$work/moved" && cd "$root"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/moved" 2>/dev/null || true
cd "$work/moved"
export GOWORK='' GOFLAGS=-trimpath
git init -q . && git add -A
./do move-module example.org/Registry/eureka-go
! grep -rIF "$module" --exclude-dir=.git . || { echo "the old path is still there"; exit 1; }
[ -z "$(gofmt -l .)" ] || { echo "not formatted any more: $(gofmt -l .)"; exit 1; }
modules=(./... ./grpcresolver/... ./examples/connect/... $(printf './adapters/%s/... ' $adapters))
go build "${modules[@]}" && go vet "${modules[@]}" && go test .
echo "ok move-module"
