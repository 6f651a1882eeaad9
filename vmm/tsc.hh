// The host's time-stamp counter.
#pragma once

namespace caisson::vmm {

/// Its frequency in kHz, measured against CLOCK_MONOTONIC_RAW over 0.2 s at the first call (good to a few
/// ppm) and remembered. Thread-safe.
long host_tsc_khz();

}  // namespace caisson::vmm
