# shellcheck shell=bash
# Fuzzing: every parser of foreign bytes, with libFuzzer (tests/fuzz).

BUILD_FUZZ=$ROOT/build-fuzz

build_fuzzers() {
  install_packages build fuzz
  own "$BUILD_FUZZ"
  configure fuzz
  build_targets "$BUILD_FUZZ" fuzzers
}

# Two at once, as a test: each on its corpus and then for twenty seconds.
test_fuzz() {
  build_fuzzers
  say "fuzz: a smoke test of each target"
  CAISSON_FUZZ_SEED=1 run_ctest "$BUILD_FUZZ" -L '^fuzz$'
}

# fuzz [TARGET...] [--seconds N]: one after the other; what fails is kept in build-fuzz/bin/fuzz-artifacts.
cmd_fuzz() {
  local seconds=300 targets=() target list
  while (($#)); do
    case "$1" in
      --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--seconds needs a number"
        seconds=$2
        shift
        ;;
      -*) die "fuzz [TARGET...] [--seconds N]" ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  build_fuzzers
  list=$(ctest --test-dir "$BUILD_FUZZ" -N -L '^fuzz$' | sed -n 's/.*: fuzz\.//p')
  for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$list" || die "there is no target '$target': $(tr '\n' ' ' <<<"$list")"
  done
  ((${#targets[@]})) || mapfile -t targets <<<"$list"
  for target in "${targets[@]}"; do
    CAISSON_FUZZ_SECONDS=$seconds step "fuzz-$target" "fuzz $target for $seconds s" \
      ctest --test-dir "$BUILD_FUZZ" --verbose -R "^fuzz\\.$target\$"
  done
}
