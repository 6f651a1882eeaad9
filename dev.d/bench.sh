# shellcheck shell=bash
# Benchmarks: tests/bench/NAME_bench.py prints its results as rows of JSON; tests/bench/run.py runs and shows them.

cmd_bench() {
  case " $* " in
    *" -h "* | *" --help "*) exec python3 "$ROOT/tests/bench/run.py" --help ;;
  esac
  need_root bench
  install_packages build test run images bench backends
  configure dev -DCAISSON_TESTS=ON
  build_targets "$BUILD" "${PROGRAMS[@]}" bench
  step nginx "nginx in ${BUILD##*/}/" fetch_nginx "$BUILD/tools"
  step backends "the lab's services in ${BUILD##*/}/" fetch_backends "$BUILD/tools"
  own "$BUILD/tools"
  cmd_images
  local status=0
  CAISSON_BUILD=$BUILD CAISSON_READY=1 PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/bench/run.py" "$@" || status=$?
  own "$ROOT/docs"
  return "$status"
}
