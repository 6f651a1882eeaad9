// Prints the frequency of this machine's time-stamp counter in kHz, which an emulated machine is told.
#include <cstdio>

#include "vmm/tsc.hh"

int main() {
  std::printf("%ld\n", caisson::vmm::host_tsc_khz());
}
