#include "tests/e2e/vmm/guest.hh"
