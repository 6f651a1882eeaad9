# shellcheck shell=bash
# Configure, build, images, format.

BUILD=${CAISSON_BUILD:-$ROOT/build}
IMAGES=${CAISSON_IMAGES:-/var/cache/caisson}
PROGRAMS=(netd endpointd runnerd caisson-unzip caisson)

# configure PRESET [-DOPTION...]
configure() {
  local preset=$1
  shift
  own "$ROOT/build"
  own "$ROOT/build-asan"
  (cd "$ROOT" && step "configure-$preset" "configuring ($preset)" as_builder cmake --preset "$preset" "$@")
}

build_targets() {
  local folder=$1
  shift
  step "build-${folder##*/}" "building ${*:-everything} in ${folder##*/}/" as_builder cmake --build "$folder" --parallel "$(nproc)" \
    ${1:+--target "$@"}
}

cmd_build() {
  install_packages build test
  configure dev
  build_targets "$BUILD" "$@"
}

# build_programs: what a lab runs, without the tests; a build folder that has the tests keeps them.
build_programs() {
  install_packages build
  if [[ -e $BUILD/CMakeCache.txt ]]; then configure dev; else configure dev -DCAISSON_TESTS=OFF; fi
  build_targets "$BUILD" "${PROGRAMS[@]}"
}

# cmd_images [--tests]: with --tests also those of tests that need root in a guest.
cmd_images() {
  [[ $# == 0 || "$*" == --tests ]] || die "images [--tests]"
  need_root images
  install_packages images
  # The recipe asks apt for the guest's packages.
  apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || step lists "fetching the lists of packages" apt_get update
  mkdir -p "$IMAGES"
  step images "guest images in $IMAGES" "$ROOT/vmm/guest/build-images" "$IMAGES"
  [[ $# == 0 ]] || step test-images "guest images for tests in $IMAGES/tests" "$ROOT/tests/images/build-images" "$IMAGES/tests"
}

# our_sources: every C and C++ file of ours, separated by NUL.
our_sources() {
  find "$ROOT"/{base,cli,endpoints,netd,packaging,policies,runner,tests,vmm,vpc} -type f \
    \( -name '*.cc' -o -name '*.hh' -o -name '*.h' -o -name '*.c' \) -print0
}

cmd_fmt() {
  install_packages test
  our_sources | as_builder xargs -0 -P "$(nproc)" -n 20 clang-format -i
}
