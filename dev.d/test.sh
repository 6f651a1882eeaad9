# shellcheck shell=bash
# Tests: which, in what order, and what must be there first.

LAYERS=(unit golden bpf property netns e2e bench check)

# run_ctest FOLDER [ARG...]: its closing lines are the last that we print.
run_ctest() {
  local folder=$1 status=0
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error --parallel "$(nproc)" "$@" </dev/null || status=$?
  own "$folder/Testing"
  return "$status"
}

# has_layer LAYER CHOSEN...
has_layer() {
  local layer=$1 chosen
  shift
  for chosen in "$@"; do [[ $chosen != "$layer" ]] || return 0; done
  return 1
}

test_quick() {
  install_packages build test
  configure dev -DCAISSON_TESTS=ON
  build_targets "$BUILD"
  run_ctest "$BUILD" -L '^(unit|golden|check)$' -LE '^(slow|root)$'
}

# The sanitizers' run covers the folders without I/O.
test_sanitized() {
  configure asan
  build_targets "$ROOT/build-asan"
  say "unit and golden tests under AddressSanitizer and UndefinedBehaviorSanitizer"
  run_ctest "$ROOT/build-asan" -L '^(unit|golden)$'
}

test_layers() {
  local layer pattern
  for layer in "$@"; do has_layer "$layer" "${LAYERS[@]}" || die "there is no layer '$layer': ${LAYERS[*]}"; done
  for layer in bpf property netns e2e bench; do
    if has_layer "$layer" "$@"; then need_root "test $layer"; fi
  done
  install_packages build test
  if has_layer e2e "$@"; then install_packages run demo images package backends; fi
  if has_layer bench "$@"; then install_packages run images bench backends; fi
  configure dev -DCAISSON_TESTS=ON
  build_targets "$BUILD"
  if has_layer bench "$@"; then
    step nginx "nginx in ${BUILD##*/}/" fetch_nginx "$BUILD/tools"
    own "$BUILD/tools"
  fi
  if has_layer unit "$@" || has_layer bench "$@"; then
    step backends "the lab's services in ${BUILD##*/}/" fetch_backends "$BUILD/tools"
    own "$BUILD/tools"
  fi
  if has_layer e2e "$@"; then
    step promtool "promtool in ${BUILD##*/}/" fetch_promtool "$BUILD/tools"
    step backends "the lab's services in ${BUILD##*/}/" fetch_backends "$BUILD/tools"
    own "$BUILD/tools"
    cmd_images --tests
  elif has_layer bench "$@"; then
    cmd_images
  fi
  pattern=$(IFS='|' && echo "^($*)\$")
  say "tests: $*"
  run_ctest "$BUILD" -L "$pattern"
}

cmd_test() {
  case "${1:-all}" in
    quick) test_quick ;;
    sanitized)
      install_packages build test
      test_sanitized
      ;;
    fuzz) test_fuzz ;;
    all)
      need_root test
      install_packages build test run demo images package bench backends
      test_sanitized
      test_fuzz
      test_layers "${LAYERS[@]}"
      ;;
    *) test_layers "$@" ;;
  esac
}
