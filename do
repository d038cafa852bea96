#!/usr/bin/env bash
# The few commands of this repository. Without arguments, ./do lists them.
set -euo pipefail
cd "$(dirname "$0")"

#: check                  what a change must pass: formatting, vet, tidy, staticcheck, all tests
do_check() { .ci/run checks test; }

#: ci [PART...]           what CI runs; the parts are those of .ci/run
do_ci() { .ci/run "$@"; }

#: nightly                thousands of simulations, long fuzzing, every interop client, mutants of the core
do_nightly() { .ci/run nightly; }

#: build                  the static binary, ./heureka
do_build() { CGO_ENABLED=0 go build -trimpath -ldflags="-s -w $(stamp)" -o heureka ./cmd/heureka; }

#: release VERSION [FLAG]  everything that users install, in dist/: binaries, packages, images, checksums
do_release() { local version=${1:?usage: ./do release v0.1.0 [FLAG...]}; shift; go run ./release "$@" "$version"; }

#: manifests [DIR]        render the chart into deploy/kubernetes, or DIR, for kubectl; with helm, or the one that .ci/run made
do_manifests() {
  local dir=${1:-deploy/kubernetes}
  PATH="$PATH:$PWD/.ci/.build/bin"
  command -v helm >/dev/null || GOWORK=off GOBIN="$PWD/.ci/.build/bin" go install helm.sh/helm/v3/cmd/helm@v3.22.0
  mkdir -p "$dir/monitoring"
  render templates/policies.yaml templates/configmap.yaml templates/services.yaml templates/statefulset.yaml >"$dir/heureka.yaml"
  render templates/servicemonitor.yaml --set serviceMonitor.enabled=true >"$dir/monitoring/servicemonitor.yaml"
}

# render prints templates of the chart without what is Helm's own. The sum tells, without Helm, that the chart has not changed since.
render() {
  local show=()
  while [[ ${1:-} == templates/* ]]; do show+=(--show-only "$1"); shift; done
  echo "# Made from deploy/helm/heureka by ./do manifests. sha256 of the chart: $(chart_sum)"
  helm template heureka deploy/helm/heureka --kube-version=1.31.0 "${show[@]}" "$@" | grep -v -e 'managed-by: Helm' -e '^# Source'
}

chart_sum() { (cd deploy/helm/heureka && find . -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -d' ' -f1); }

#: golden [PACKAGE...]    rewrite the golden files with what the code answers now; read the difference before you commit it
do_golden() {
  [ $# -gt 0 ] || set -- ./cmd/heureka ./internal/config ./internal/scenario
  local pkg
  for pkg; do go test "$pkg" -update; done
}

#: pictures               take the pictures of docs/images anew, with chromium
do_pictures() { mkdir -p docs/images && (cd browser && HEUREKA_PICTURES="$PWD/../docs/images" go test -count=1 -run TestPictures ./...); }

#: bench-page [SIZES]     what the list of instances takes in chromium, for so many instances: 10000,100000
do_bench_page() { (cd browser && HEUREKA_BENCH_PAGE="${1:-10000,100000}" go test -count=1 -v -timeout 30m -run TestBenchPage .) | grep "^|\|FAIL\|bench_test"; }

#: bench                  measure, and write docs/performance.md
do_bench() { go run ./bench; }

#: pack DIR VERSION       this tree as a version of both modules, for GOPROXY=file://DIR
do_pack() { python3 .ci/pack.py "$1" "$2"; }

#: move-module PATH       give the module another path, in every import, document and test
do_move_module() {
  local old new=${1:?usage: ./do move-module PATH}
  old=$(go list -m -f '{{.Path}}' | head -n 1)
  git grep -IlzF --untracked "$old" | xargs -0 -r sed -i "s#${old//./\\.}#$new#g"
  git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -w # imports stand in the order of their paths
  go mod edit -fmt
}

# stamp prints the linker flags for what a build outside version control cannot know.
stamp() {
  local commit
  commit=$(git rev-parse HEAD 2>/dev/null) || return 0
  echo "-X main.commit=$commit -X main.date=$(git log -1 --format=%cI)"
}

command=${1:-help}
if [ "$command" = help ] || ! declare -F "do_${command//-/_}" >/dev/null; then
  sed -n 's/^#: /  .\/do /p' "$0"
  [ "$command" = help ]
  exit
fi
shift
"do_${command//-/_}" "$@"
